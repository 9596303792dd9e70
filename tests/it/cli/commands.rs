//! What is not a run.

use std::fs;
use std::process::Command;

use pganalytics::collect::registry;
use serde_json::Value;

use crate::cycle::item::{config, watching};
use crate::support::cluster::shared;
use crate::support::home::{Home, Run};
use crate::support::majors;

#[test]
fn a_valid_configuration_is_three_lines() {
    let home = Home::new();
    config(&home, 1, "postgres", "");
    let run = home.run(&["--validate-config"]);
    let url = format!("file://{}", home.target_dir().display());
    assert_eq!(run.code, Some(0));
    assert_eq!(
        run.stdout,
        format!("Configuration loaded successfully\nCollector ID: it\nBackend URL: {url}\n")
    );
    assert_eq!(run.stderr, "");

    home.config(
        "[collector]\nstate_dir = \"{state}/missing\"\nnmae = \"x\"\n[logging]\nfile_path = \"{log}\"",
    );
    let run = home.run(&["--validate-config"]);
    assert_eq!(run.code, Some(0));
    assert_eq!(
        run.stdout,
        "Configuration loaded successfully\nCollector ID: (not registered)\nBackend URL: https://localhost:8080\n"
    );
    for word in ["state directory", "token", "nmae", "name"] {
        assert!(run.stderr.contains(word), "{word} is not in {}", run.stderr);
    }
    assert!(!home.log_path().exists(), "checking writes no log");
    assert!(!home.state_dir().join("missing").exists());
}

#[test]
fn all_problems_are_told_at_once_with_their_places() {
    let home = Home::new();
    home.config("[collector]\ninterval = \"soon\"\n[postgres]\nport = 99999\nsslmode = \"maybe\"\n");
    for args in [&["--validate-config"][..], &["cron"], &["--dry-run"], &["status"], &["collectors"]] {
        let run = home.run(args);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{args:?}");
        let places: Vec<&str> = run.stderr.lines().collect();
        assert_eq!(places.len(), 3, "{}", run.stderr);
        let file = home.config_path().display().to_string();
        for (line, (place, allowed)) in
            places.iter().zip([("2:12", "1 to 86400"), ("4:8", "1 to 65535"), ("5:11", "verify-full")])
        {
            assert!(line.starts_with(&format!("{file}:{place}: ")) && line.contains(allowed), "{line}");
        }
    }
}

#[test]
fn the_version_names_commit_and_target() {
    let run = Home::new().run(&["--version"]);
    let rest = run.stdout.strip_prefix("pganalytics 3.3.0 (").and_then(|r| r.strip_suffix(")\n"));
    let (commit, target) = rest.unwrap_or_else(|| panic!("{}", run.stdout)).split_once(", ").unwrap();
    assert!(
        commit == "unknown" || commit.len() == 12 && commit.chars().all(|c| c.is_ascii_hexdigit()),
        "{commit}"
    );
    assert!(target.contains("linux"), "{target}");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
}

#[test]
fn the_configuration_file_is_found_by_option_or_environment() {
    let home = Home::new();
    config(&home, 1, "postgres", "");
    let moved = home.config_path().with_file_name("other.toml");
    fs::rename(home.config_path(), &moved).unwrap();
    let path = moved.display().to_string();
    let bare = |args: &[&str], env: Option<&str>| -> Run {
        let mut program = Command::new(env!("CARGO_BIN_EXE_pganalytics"));
        program.args(args);
        let home = Home::new();
        let home = match env {
            Some(path) => home.env("PGANALYTICS_CONFIG", path),
            None => home,
        };
        home.spawn_command(program).wait(crate::support::poll::LONG)
    };
    for (args, env) in [
        (&["--config", &path, "collectors"][..], None),
        (&["collectors", "--config", &path], None),
        (&["collectors"], Some(path.as_str())),
        (&["--config", &path, "collectors"], Some("/nowhere/at/all.toml")),
    ] {
        let run = bare(args, env);
        assert_eq!(run.code, Some(0), "{args:?} {env:?}: {}", run.stderr);
    }
    let run = bare(&["collectors"], Some("/nowhere/at/all.toml"));
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("/nowhere/at/all.toml"), "{}", run.stderr);
}

#[test]
fn collectors_are_listed_with_what_they_need() {
    let home = Home::new();
    config(&home, 1, "postgres", "[disk_usage]\nenabled = false\n[pg_stats]\ninterval = 120\n");
    let run = home.run(&["collectors"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let lines: Vec<Vec<&str>> = run.stdout.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..4], ["collector", "scope", "every", "on"]);
    assert_eq!(lines.len(), registry::ALL.len() + 1);
    for (line, collector) in lines[1..].iter().zip(registry::ALL) {
        assert_eq!(line[0], collector.name);
        let (every, on) = match collector.name {
            "pg_stats" => ("120".to_owned(), "on"),
            // Off where there is no [[custom]].
            "disk_usage" | "custom" => (collector.every_s.to_string(), "off"),
            _ => (collector.every_s.to_string(), if collector.enabled { "on" } else { "off" }),
        };
        assert_eq!((line[2], line[4]), (every.as_str(), on), "{line:?}");
        assert!(run.stdout.contains(collector.about) && run.stdout.contains(collector.needs));
    }
}

#[test]
fn completions_and_the_manual_need_no_configuration() {
    let home = Home::new();
    let run = home.run(&["completions", "bash"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let script = home.log_path().with_extension("bash");
    fs::write(&script, &run.stdout).unwrap();
    let complete = format!(
        "source {}; COMP_WORDS=(pganalytics sp); COMP_CWORD=1; _pganalytics pganalytics sp pganalytics; echo \"${{COMPREPLY[@]}}\"",
        script.display()
    );
    let output = Command::new("bash").args(["-c", &complete]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "spool", "{output:?}");

    let run = home.run(&["man"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(run.stdout.contains(".TH pganalytics 1"), "{}", run.stdout);
    for word in ["cron", "report", "spool", "status", "dry\\-run"] {
        assert!(run.stdout.contains(word), "{word} is not in the manual");
    }
}

#[test]
fn what_does_not_exist_is_a_usage_error() {
    let home = Home::new();
    config(&home, 1, "postgres", "");
    for args in [
        &["migrate-config", "old"][..],
        &["report", "--since", "soon"],
        &["report", "--from"],
        &["--manifest"],
        &["spool"],
        &["spool", "drop"],
        &["spool", "drop", "0190-nobody"],
        &["completions", "tcl"],
        &["cron", "--nonsense"],
    ] {
        let run = home.run(args);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(!run.stderr.is_empty());
    }
}

#[test]
fn the_status_is_that_of_the_last_cycle() {
    let server = shared(majors()[0]);
    let home = watching(server, "postgres", "");
    let never = home.run(&["status"]);
    assert_eq!((never.code, never.stdout.as_str()), (Some(1), ""));
    assert!(never.stderr.contains("no cycle") && never.stderr.contains("status.json"), "{}", never.stderr);

    assert_eq!(home.cron().code, Some(0));
    let healthy = home.run(&["status"]);
    assert_eq!((healthy.code, healthy.stderr.as_str()), (Some(0), ""));
    for word in ["last cycle", "last push", "spool       0 batches", "server      main: reached", "0 failed"]
    {
        assert!(healthy.stdout.contains(word), "{word} is not in {}", healthy.stdout);
    }
    let told = json(&home.run(&["status", "--json"]).stdout);
    assert_eq!(
        (&told["healthy"], &told["stale"], &told["exit_code"]),
        (&true.into(), &false.into(), &0.into())
    );
    assert!(told["age_s"].as_i64().unwrap() < 60);
    assert_eq!(told["servers"][0]["name"], "main");

    let path = home.log_path().with_file_name("status.json");
    let aged = |age_s: i64| {
        let mut status = json(&fs::read_to_string(&path).unwrap());
        let at = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() - age_s).unwrap();
        status["last_cycle_at"] = at.to_string().into();
        fs::write(&path, status.to_string()).unwrap();
        home.run(&["status"])
    };
    assert_eq!(aged(110).code, Some(0), "within two intervals");
    let late = aged(130);
    assert_eq!(late.code, Some(1));
    assert!(late.stdout.contains("no cycle for 13") && late.stdout.contains("every 60 s"), "{}", late.stdout);
    assert_eq!(json(&home.run(&["status", "--json"]).stdout)["stale"], true);
    assert_eq!(aged(-500).code, Some(0), "a clock that was set back makes nothing old");

    config(&home, 1, "postgres", "");
    assert_eq!(home.cron().code, Some(3));
    let degraded = home.run(&["status"]);
    assert_eq!(degraded.code, Some(1));
    assert!(
        degraded.stdout.contains("exit 3") && degraded.stdout.contains("attention   server main"),
        "{}",
        degraded.stdout
    );
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}
