use std::fs;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::support::home::Home;
use crate::support::poll::{LONG, eventually};

#[test]
fn the_program_starts_and_ends() {
    let home = Home::new();
    home.config("[collector]\nstate_dir = \"{state}\"\n[backend]\nurl = \"{target}\"\n[logging]\nfile_path = \"{log}\"\n");
    let text = fs::read_to_string(home.config_path()).unwrap();
    assert!(!text.contains('{'), "{text}");
    assert_eq!(home.run(&["--version"]).code, Some(0));
    assert!(home.cron().code.is_some(), "ends by itself");
}

#[test]
fn output_environment_and_time_of_a_run() {
    let home = Home::new().env("GIVEN", "yes");
    let run = home.spawn_command(shell("env; echo oops >&2; exit 3")).wait(LONG);
    let names: Vec<_> = run.stdout.lines().filter_map(|l| l.split('=').next()).collect();
    assert!(names.contains(&"GIVEN") && names.contains(&"PATH"), "{names:?}");
    assert!(!names.contains(&"HOME") && !names.iter().any(|n| n.starts_with("CARGO")), "{names:?}");
    assert_eq!((run.code, run.stderr.as_str()), (Some(3), "oops\n"));
    assert!(run.took > Duration::ZERO);
}

#[test]
fn a_run_can_be_asked_to_end_and_killed() {
    let home = Home::new();
    let asked = home.spawn_command(shell("trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done"));
    eventually(LONG, || if asked.stdout() == "ready\n" { Ok(()) } else { Err(asked.stdout()) });
    asked.signal(Signal::TERM);
    assert_eq!(asked.wait(LONG).code, Some(9));
    let killed = home.spawn_command(shell("sleep 600"));
    killed.kill9();
    assert_eq!(killed.wait(LONG).signal, Some(9));
    drop(home.spawn(&["--version"]));
}

#[test]
fn what_a_run_left_is_read_back() {
    let home = Home::new();
    assert_eq!((home.log().as_str(), home.spool_files().len(), home.batches().len()), ("", 0, 0));
    fs::create_dir(home.state_dir().join("spool")).unwrap();
    fs::write(home.state_dir().join("spool/2.gz"), "").unwrap();
    fs::write(home.state_dir().join("spool/1.gz"), "").unwrap();
    fs::write(home.state_dir().join("ledger.json"), r#"{"sequence":4}"#).unwrap();
    fs::write(home.log_path(), "a line\n").unwrap();
    fs::write(home.target_dir().join("2.jsonl"), "{\"n\":3}\n").unwrap();
    fs::write(home.target_dir().join("1.jsonl"), "{\"n\":1}\n{\"n\":2}\n").unwrap();
    assert_eq!(home.ledger(), json!({"sequence": 4}));
    assert_eq!(home.log(), "a line\n");
    assert!(home.spool_files()[0].ends_with("1.gz"));
    assert_eq!(home.batches(), [json!({"n": 1}), json!({"n": 2}), json!({"n": 3})]);
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}
