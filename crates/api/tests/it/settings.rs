//! What an operator sets: read from the environment and a file, told at once where it is wrong, and never said aloud.

use std::fs;
use std::path::Path;
use std::process::Command;

use bed::api::{Api, KEY, REGISTRATION_SECRET, url};
use bed::cluster::shared;
use bed::majors;

const SECRET: &str = "a-secret-that-nobody-may-see-anywhere";

/// Ends at once; exit code, and what it said.
fn serve(file: Option<&Path>, settings: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(bed::program("pganalytics-api"));
    command.arg("serve").env_clear().envs(settings.iter().copied());
    if let Some(file) = file {
        command.env("CONFIG_FILE", file);
    }
    let output = command.output().unwrap();
    assert!(output.stdout.is_empty());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn file(dir: &tempfile::TempDir, text: &str) -> std::path::PathBuf {
    let path = dir.path().join("config.toml");
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = file(
        &dir,
        "pool_sise = 5\nretention_days = \"query=3\"\nlog_format = [1]\nregistration_secret = \"\"\n",
    );
    let (code, said) = serve(
        Some(&file),
        &[
            ("DATABASE_URL", &format!("mysql:{SECRET}")),
            ("DIRECT_DATABASE_URL", &format!("postgresql://a:{SECRET}@h/d?sslmode=perhaps")),
            ("JWT_SECRET_KEY", &SECRET[..31]),
            ("JWT_PREVIOUS_KEYS", &format!("{SECRET},{}", &SECRET[..20])),
            ("PORT", "http"),
            ("POOL_SIZE", "0"),
            ("MAX_BODY_BYTES", "1MB"),
            ("MAX_AHEAD_SECONDS", "-1"),
            ("LOG_LEVEL", "loud=very"),
            ("TLS_ENABLED", "yes"),
        ],
    );
    assert_eq!(code, Some(1), "{said}");
    let told: Vec<&str> = said.lines().skip(1).map(|line| line.trim().split(':').next().unwrap()).collect();
    let expected = [
        "log_format",
        "pool_sise",
        "DATABASE_URL",
        "DIRECT_DATABASE_URL",
        "PORT",
        "LOG_LEVEL",
        "RETENTION_DAYS",
        "TLS_ENABLED",
        "POOL_SIZE",
        "MAX_BODY_BYTES",
        "MAX_AHEAD_SECONDS",
        "JWT_SECRET_KEY",
        "JWT_PREVIOUS_KEYS",
        "REGISTRATION_SECRET",
    ];
    assert_eq!(told, expected, "{said}");
    assert!(said.contains("JWT_SECRET_KEY: has 31 bytes, 32 are the least"), "{said}");
    assert!(!said.contains(&SECRET[..20]), "{said}");
    assert!(serve(None, &[]).1.contains("DATABASE_URL: is not set"));
}

/// The line of a secret that lacks its quote is told, and not what stands there.
#[test]
fn a_file_that_is_no_toml_is_told_by_its_line() {
    let dir = tempfile::tempdir().unwrap();
    for (text, line) in [
        (format!("port = 1\n\njwt_secret_key = \"{SECRET}\n"), "line 3"),
        (format!("jwt_secret_key = {SECRET}"), "line 1"),
        (format!("port = 1\njwt_secret_key = \"{SECRET}\" \"{SECRET}\"\n"), "line 2"),
        (format!("jwt_secret_key = \"{SECRET}\"\njwt_secret_key = \"{SECRET}\"\n"), "line 2"),
    ] {
        let (code, said) = serve(Some(&file(&dir, &text)), &[]);
        assert_eq!(code, Some(1));
        assert!(said.contains(line) && said.contains("config.toml"), "{text}: {said}");
        assert!(!said.contains("nobody-may-see"), "{said}");
    }
    let (code, said) = serve(Some(&dir.path().join("not-there.toml")), &[]);
    assert!(code == Some(1) && said.contains("not-there.toml"), "one that is named has to be there: {said}");
}

#[test]
fn a_file_sets_what_the_environment_does_not() {
    let server = shared(*majors().last().unwrap());
    let database = url(server.port(), &server.fresh_database("settings"));
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "database_url = \"{database}\"\njwt_secret = \"{KEY}\"\nREGISTRATION_SECRET = \"{REGISTRATION_SECRET}\"\n\
         port = 1\nmax_ahead_seconds = 77\nlog_level = \"error\"\nlog_format = \"text\"\nenvironment = \"of the file\"\n"
    );
    let path = file(&dir, &text);
    let settings = [
        ("CONFIG_FILE", path.to_str().unwrap()),
        ("LOG_LEVEL", "info"),
        // What is empty is not set.
        ("DATABASE_URL", ""),
        ("JWT_SECRET_KEY", ""),
        ("REGISTRATION_SECRET", " "),
    ];
    let mut api = Api::prepare("", &settings);
    api.launch();
    api.healthy();
    let (id, token) = api.register("one");
    let ahead = (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(120)).to_string();
    let mut item = crate::batch::item("pg_wal", None, serde_json::json!({}));
    item["timestamp"] = ahead.into();
    let refused = api.push(&token, &crate::batch::batch(&id, &[item])).json();
    assert!(refused["refused"][0]["reason"].as_str().unwrap().contains("more than 77 s"), "{refused}");
    let log = api.log();
    assert!(log.contains("listening") && log.contains("of the file"), "{log}");
    assert!(
        serde_json::from_str::<serde_json::Value>(log.lines().next().unwrap()).is_err(),
        "it is text: {log}"
    );
    for secret in [KEY, REGISTRATION_SECRET, &token] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn a_port_alone_will_do() {
    let server = shared(*majors().last().unwrap());
    let database = url(server.port(), &server.fresh_database("settings"));
    let mut api = Api::prepare(&database, &[("LISTEN", "")]);
    let port = api.port().to_string();
    api.set("PORT", &port);
    api.launch();
    api.healthy();
    assert!(api.log().contains(&format!("0.0.0.0:{port}")), "{}", api.log());
}

#[test]
fn each_setting_is_in_the_help() {
    let output = Command::new(bed::program("pganalytics-api")).arg("--help").env_clear().output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for (name, ..) in pganalytics_api::config::SETTINGS {
        assert!(help.contains(&format!("\n  {name} ")), "{name}");
    }
}
