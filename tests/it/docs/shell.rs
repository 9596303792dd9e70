//! Blocks that are more than calls of our programs run in a shell, with an installed host's paths led into a home.

use std::fs;
use std::process::Command;

use super::block::{self, Run};
use super::root;
use crate::support::cluster::shared;
use crate::support::home::Home;
use crate::support::{majors, program};

/// What the block prints; it has to succeed, each line of it.
#[track_caller]
fn shell(home: &Home, block: &str) -> String {
    let place = home.state_dir().parent().unwrap().to_owned();
    let (etc, lib, log) = (place.join("etc"), place.join("lib"), place.join("log"));
    for dir in [&etc, &lib, &log] {
        fs::create_dir_all(dir).unwrap();
    }
    // As in an unpacked release. Nothing is on the PATH that install.sh would have put there: tests/it/deploy asks for that.
    let unpacked = place.join("pganalytics");
    if !unpacked.exists() {
        std::os::unix::fs::symlink(program("pganalytics"), &unpacked).unwrap();
    }
    let here = block
        .replace("/etc/pganalytics/", &format!("{}/", etc.display()))
        .replace("/var/lib/pganalytics/", &format!("{}/", lib.display()))
        .replace("/var/log/pganalytics/", &format!("{}/", log.display()));
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &here])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .current_dir(&place)
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{here}\n{out}{err}");
    out
}

/// The blocks of a document that this file runs.
#[track_caller]
fn blocks(document: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let ours = block::all(&text, "sh").into_iter();
    let ours = ours.filter(|block| block.run == Run::By("tests/it/docs/shell.rs".to_owned()));
    let texts: Vec<String> = ours.map(|block| block.text).collect();
    assert!(!texts.is_empty(), "{document}");
    texts
}

#[test]
fn a_configuration_is_migrated_as_the_upgrade_says() {
    let home = Home::new();
    let etc = home.state_dir().parent().unwrap().join("etc");
    fs::create_dir(&etc).unwrap();
    let old = format!(
        "[collector]\nid = collector-001\nstate_dir = \"{}\"\n[backend]\nurl = https://backend:8080\ntls_verify = false\n[postgres]\n\
         pool_max_size = 5\n",
        home.state_dir().display()
    );
    fs::write(etc.join("collector.toml"), &old).unwrap();
    let said: String = blocks("docs/UPGRADE.md").iter().map(|block| shell(&home, block)).collect();
    assert!(said.contains("> # migrate-config: was [backend] tls_verify: "), "{said}");
    assert!(
        said.ends_with("Configuration loaded successfully\nCollector ID: collector-001\nBackend URL: https://backend:8080\n"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(etc.join("collector.toml")).unwrap(), old, "the old file stays");
}

#[test]
fn the_guides_lines_read_our_log() {
    let cluster = shared(majors()[0]);
    let database = cluster.fresh_database("guide");
    cluster.sql(&database, "create extension pg_stat_statements");
    let home = Home::new();
    home.config(&format!(
        "[collector]\nid = \"log\"\nstate_dir = \"{{state}}\"\n[backend]\nurl = \"{{target}}\"\n[postgres]\nhost = \"127.0.0.1\"\n\
         port = {}\nuser = \"postgres\"\ndatabase = \"{database}\"\n[logging]\nfile_path = \"{}/log/collector.log\"\n",
        cluster.port(),
        home.state_dir().parent().unwrap().display()
    ));
    fs::create_dir(home.state_dir().parent().unwrap().join("log")).unwrap();
    for _ in 0..2 {
        assert_eq!(home.cron().code, Some(0));
    }
    let said: String = blocks("docs/MONITORING.md").iter().map(|block| shell(&home, block)).collect();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 6, "{said}");
    assert!(lines[0].starts_with("Average: ") && lines[0].ends_with(" ms"), "{said}");
    assert!(lines[1].contains("Pool metrics - acquisitions: "), "{said}");
    assert!(lines[2].starts_with("Average sampling: ") && lines[2].ends_with('%'), "{said}");
    assert!(lines[3].starts_with("cpu_ms=") && lines[4].contains(" peak_rss_kb="), "{said}");
    assert_eq!(lines[5], "0", "{said}");
}

#[test]
fn what_a_file_target_wrote_a_month_ago_goes_and_nothing_else() {
    let home = Home::new();
    let out = home.state_dir().parent().unwrap().join("lib/out");
    fs::create_dir_all(&out).unwrap();
    let days = |days: u64| std::time::SystemTime::now() - std::time::Duration::from_secs(days * 86_400);
    for (name, age) in [("pganalytics-1.jsonl", 29), ("pganalytics-2.jsonl", 32), ("notes.txt", 99)] {
        fs::File::create(out.join(name)).unwrap().set_modified(days(age)).unwrap();
    }
    for block in blocks("README.md") {
        shell(&home, &block);
    }
    let mut left: Vec<_> = fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["notes.txt", "pganalytics-1.jsonl"]);
}
