//! A log or a state directory that cannot be written: said once, and the figures still leave the host.

use std::fs;
use std::process::Command;

use crate::cycle::item::{item, watching};
use crate::support::cluster::shared;
use crate::support::home::Home;
use crate::support::majors;
use crate::support::poll::LONG;

fn changed(home: &Home, from: &str, to: &str) {
    let text = fs::read_to_string(home.config_path()).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    home.config(&text.replace(from, to));
}

#[test]
fn without_its_log_a_run_says_so_once_and_is_complete() {
    let home = watching(shared(majors()[0]), "postgres", "");
    fs::create_dir(home.log_path()).unwrap();
    let first = home.cron();
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert_eq!(first.stderr.lines().count(), 1, "{}", first.stderr);
    for word in ["log file", "collector.log", "cannot be opened", "stderr"] {
        assert!(first.stderr.contains(word), "{word} is not in {}", first.stderr);
    }
    assert_eq!(home.cron().stderr, "", "once a day");
    assert!(home.run(&["status"]).stdout.contains("attention   log file"));
    fs::remove_dir(home.log_path()).unwrap();
    assert!(home.cron().stderr.contains("over after"));
    assert!(home.log().contains(" INFO: Metrics pushed successfully"));
    assert_eq!(home.batches().len(), 3);
}

#[test]
fn a_log_that_is_a_pipe_without_a_reader_holds_nobody() {
    let home = watching(shared(majors()[0]), "postgres", "");
    let made = std::process::Command::new("mkfifo").arg(home.log_path()).status().unwrap();
    assert!(made.success());
    let run = home.cron();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("cannot be opened"), "{}", run.stderr);
}

#[test]
fn without_a_state_directory_a_run_still_delivers() {
    let home = watching(shared(majors()[0]), "postgres", "");
    let state = home.state_dir().display().to_string();
    fs::write(home.state_dir().join("file"), "").unwrap();
    changed(&home, &format!("state_dir = \"{state}\""), &format!("state_dir = \"{state}/file/below\""));
    let run = home.cron();
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    for word in ["creating the state directory", "install -d", "nothing is kept"] {
        assert!(run.stderr.contains(word), "{word} is not in {}", run.stderr);
    }
    let batch = home.batches().pop().expect("it arrived all the same");
    assert_eq!(item(&batch, "pg_stats", Some("postgres"))["outcome"], "ok");
    assert!(home.log().contains(" ERROR: creating the state directory"), "{}", home.log());
    let status = home.run(&["status"]);
    assert_eq!(status.code, Some(1));
    assert!(status.stdout.contains("attention   creating the state directory"), "{}", status.stdout);
}

#[test]
fn without_room_for_the_batch_a_run_still_delivers() {
    let home = watching(shared(majors()[0]), "postgres", "");
    // A file where the spool's directory would be: nothing can be sealed there.
    fs::write(home.state_dir().join("spool"), "").unwrap();
    let first = home.cron();
    assert_eq!(first.code, Some(1));
    assert!(first.stderr.contains("sealing the batch"), "{}", first.stderr);
    assert_eq!(home.batches().len(), 1, "it went out from elsewhere");
    assert!(home.log().contains("Metrics pushed successfully"), "and was acknowledged");
    assert_eq!(home.cron().stderr, "", "once a day");
    fs::remove_file(home.state_dir().join("spool")).unwrap();
    let mended = home.cron();
    assert_eq!(mended.code, Some(0), "{}", home.log());
    assert!(mended.stderr.contains("over after"), "{}", mended.stderr);
    let sequences: Vec<u64> = home.batches().iter().map(|b| b["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, [1, 2, 3]);
}

#[test]
fn a_corrupt_ledger_costs_its_memory_only() {
    let home = watching(shared(majors()[0]), "postgres", "");
    assert_eq!(home.cron().code, Some(0));
    fs::write(home.state_dir().join("ledger.json"), "{ torn").unwrap();
    let run = home.cron();
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(home.log().contains("set aside"), "{}", home.log());
    assert_eq!(home.batches().len(), 2);
}

/// What an error of the disk, or too many open files, would make of its memory.
#[test]
fn a_good_ledger_that_cannot_be_read_now_stays_and_the_next_run_goes_on() {
    let home = watching(shared(majors()[0]), "postgres", "");
    assert_eq!(home.cron().code, Some(0));
    let (ledger, trace) = (home.state_dir().join("ledger.json"), home.log_path().with_file_name("trace"));
    let before = fs::read(&ledger).unwrap();
    for (call, code) in [("openat", "EMFILE"), ("read", "EIO")] {
        let mut strace = Command::new("strace");
        strace.args(["-e", &format!("trace={call}"), "-e", &format!("inject={call}:error={code}"), "-P"]);
        strace.arg(&ledger).arg("-o").arg(&trace).arg(env!("CARGO_BIN_EXE_pganalytics"));
        strace.arg("--config").arg(home.config_path()).arg("cron");
        let run = home.spawn_command(strace).wait(LONG);
        assert!(fs::read_to_string(&trace).unwrap().contains("INJECTED"), "{call}");
        assert_eq!(run.code, Some(1), "{call}: {run:?}");
        assert!(run.stderr.contains("reading the ledger") && run.stderr.contains("tries again"), "{run:?}");
        assert_eq!(fs::read(&ledger).unwrap(), before, "{call}");
    }
    assert_eq!(home.cron().code, Some(0));
    let sequences: Vec<u64> = home.batches().iter().map(|b| b["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, [1, 2]);
}
