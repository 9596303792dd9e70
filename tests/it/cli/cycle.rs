//! The forms of a run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cycle::item::{config, item, watching};
use crate::support::cluster::shared;
use crate::support::home::Home;
use crate::support::majors;

#[test]
fn no_command_is_a_cycle() {
    let home = watching(shared(majors()[0]), "postgres", "");
    for args in [&[][..], &["cron"], &["--force"], &["cron", "--force"], &["--force", "cron"]] {
        let run = home.run(args);
        assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (Some(0), "", ""), "{args:?}");
    }
    let batches = home.batches();
    let forced: Vec<bool> = batches
        .iter()
        .map(|b| b["metrics"].as_array().unwrap().iter().any(|i| i["type"] == "disk_usage"))
        .collect();
    // The first run has everything; later ones only when told to.
    assert_eq!(forced, [true, false, true, true, true]);
    let sequences: Vec<u64> = batches.iter().map(|b| b["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5]);
}

#[test]
fn a_dry_run_prints_the_batch_and_changes_nothing() {
    let home = watching(shared(majors()[0]), "postgres", "");
    assert_eq!(home.cron().code, Some(0));
    let (before, delivered) = (tree(&home.state_dir()), home.batches().len());
    for args in [&["--dry-run"][..], &["cron", "--dry-run"], &["--dry-run", "--force"], &["--dry-run", "-v"]]
    {
        let run = home.run(args);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let batch: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(batch["sequence"], 2);
        assert_eq!(item(&batch, "pg_stats", Some("postgres"))["outcome"], "ok");
        item(&batch, "agent", None);
        assert_eq!(tree(&home.state_dir()), before, "{args:?}");
    }
    assert_eq!(home.batches().len(), delivered);

    fs::remove_dir_all(home.state_dir()).unwrap();
    let run = home.run(&["--dry-run"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(!home.state_dir().exists());
}

#[test]
fn nothing_but_batches_goes_to_a_stdout_that_holds_them() {
    let home = watching(shared(majors()[0]), "postgres", "");
    let text = fs::read_to_string(home.config_path()).unwrap();
    home.config(&text.replace("[logging]", "[logging]\noutput = \"stdout\""));
    let run = home.run(&["--dry-run"]);
    serde_json::from_str::<Value>(&run.stdout).unwrap();
    let run = home.cron();
    assert!(run.stdout.contains(" INFO: Metrics pushed successfully"), "{}", run.stdout);

    let target = format!("\"file://{}\"", home.target_dir().display());
    home.config(&fs::read_to_string(home.config_path()).unwrap().replace(&target, "\"stdout:\""));
    let run = home.cron();
    assert_eq!(run.code, Some(0));
    let batch: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(batch["batch_id"].is_string());
    assert!(run.stderr.contains(" INFO: Metrics pushed successfully"), "{}", run.stderr);
}

#[test]
fn more_is_told_on_request() {
    let home = watching(shared(majors()[0]), "postgres", "");
    let of = |args: &[&str]| home.run(args).stderr;
    assert_eq!(of(&["cron"]), "");
    let informed = of(&["cron", "-v"]);
    assert!(informed.contains(" INFO: Parallel collection completed in"), "{informed}");
    assert!(!informed.contains(" DEBUG: "), "{informed}");
    assert!(of(&["-v"]).contains(" INFO: "));
    let quiet = Home::new().env("LOG_LEVEL", "error");
    config(&quiet, shared(majors()[0]).port(), "postgres", "");
    assert_eq!(quiet.cron().code, Some(0));
    assert_eq!(quiet.log(), "", "LOG_LEVEL beats the file");
}

#[test]
fn debug_lines_come_with_two() {
    let server = shared(majors()[0]);
    let database = server.fresh_database("debug");
    server.sql(&database, "create extension pg_stat_statements");
    let home = watching(server, &database, "");
    let told = home.run(&["cron", "-vv"]).stderr;
    assert!(told.contains(&format!(" DEBUG: Collecting query stats for database: {database}")), "{told}");
}

/// Path, content and owner's view of every file.
fn tree(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    for path in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        if path.is_dir() {
            found.extend(tree(&path));
            found.insert(path, (Vec::new(), modified));
        } else {
            found.insert(path.clone(), (fs::read(&path).unwrap(), modified));
        }
    }
    found
}
