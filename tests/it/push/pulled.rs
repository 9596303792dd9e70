//! The configuration that a backend keeps: pulled after the batches, obeyed from the next run on, and refused where it
//! says what is not for a backend to say.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::desk::*;
use crate::support::cluster::shared;
use crate::support::home::Home;
use crate::support::stub::{Answer, Stub};

const CONFIG: &str = "/api/v1/config/01a21757-166d-7635-897c-d2c67d7c74f6";
const GOOD: &str = "[postgresql]\nquery_stats_limit = 37\n";

fn told(text: &str, tag: &str, version: &str) -> Answer {
    Answer::reply(200, text).header("etag", tag).header("x-config-version", version)
}

/// A collector that asks at every run, and what it is told.
fn scene(first: Answer) -> (Stub, Arc<Mutex<Answer>>, Home) {
    let answer = Arc::new(Mutex::new(first));
    let told = answer.clone();
    let stub = Stub::start(move |request| match request.path.as_str() {
        PUSH => Answer::Accept,
        CONFIG => told.lock().unwrap().clone(),
        _ => Answer::reply(404, ""),
    });
    let home = home_for(&stub.url());
    let server = shared(15);
    let database = server.fresh_database("pulled");
    server.sql(&database, "create extension pg_stat_statements");
    home.config(&format!(
        "[collector]\nid = \"01a21757-166d-7635-897c-d2c67d7c74f6\"\nstate_dir = \"{{state}}\"\nconfig_pull_interval = 1\n\
         [postgres]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\ndatabases = [\"{database}\"]\nsslmode = \"disable\"\n\
         [logging]\nfile_path = \"{{log}}\"\n[backend]\nurl = \"{}\"\n",
        server.port(),
        stub.url()
    ));
    (stub, answer, home)
}

#[track_caller]
fn run(home: &Home) -> String {
    let before = home.log().len();
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    home.log().split_off(before)
}

fn asked(stub: &Stub) -> usize {
    stub.log().iter().filter(|line| line.starts_with(&format!("GET {CONFIG} "))).count()
}

#[test]
fn what_is_told_is_kept_and_obeyed_from_the_next_run_on() {
    let (stub, answer, home) = scene(told(GOOD, "\"one\"", "4"));
    let log = run(&home);
    assert!(log.contains("Configuration version 4 pulled"), "{log}");
    let file = home.state_dir().join("remote.toml");
    assert_eq!(fs::read_to_string(&file).unwrap(), GOOD);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    *answer.lock().unwrap() = Answer::reply(304, "");
    let log = run(&home);
    assert!(log.contains("limit=37"), "{log}");
    assert_eq!(asked(&stub), 2);
    assert_eq!(fs::read_to_string(&file).unwrap(), GOOD, "304 keeps it");

    *answer.lock().unwrap() = told("[postgres]\nhost = \"elsewhere\"\n", "\"two\"", "5");
    let log = run(&home);
    let warned = lines(&log, "The configuration from the backend is not used");
    assert_eq!(warned.len(), 1, "{log}");
    assert!(warned[0].contains("WARN") && log.contains("host is not for a backend to change"), "{log}");
    assert_eq!(fs::read_to_string(&file).unwrap(), GOOD, "the last good one stays");
    *answer.lock().unwrap() = Answer::reply(304, "");
    let log = run(&home);
    assert_eq!(lines(&log, "WARN").len(), 0, "once: {log}");
    assert!(log.contains("limit=37"), "{log}");
    assert_eq!(asked(&stub), 4);
}

/// What the backend was shown as known, in its last answer's turn.
fn known(stub: &Stub) -> Option<String> {
    let asked = stub.requests().into_iter().rfind(|seen| seen.request.path == CONFIG).unwrap();
    asked.request.header("if-none-match").map(str::to_owned)
}

#[test]
fn a_file_that_was_removed_or_spoilt_is_sent_again() {
    let (stub, _, home) = scene(told(GOOD, "\"one\"", "4"));
    let file = home.state_dir().join("remote.toml");
    run(&home);
    assert_eq!(known(&stub), None);
    run(&home);
    assert_eq!(known(&stub).as_deref(), Some("\"one\""), "what lies here is not sent again");
    for spoil in [|file: &Path| fs::remove_file(file), |file: &Path| fs::write(file, "[postgresql\nquery_")] {
        spoil(&file).unwrap();
        run(&home);
        assert_eq!(known(&stub), None);
        assert_eq!(fs::read_to_string(&file).unwrap(), GOOD);
    }
}

#[test]
fn a_file_that_could_not_be_written_is_asked_for_until_it_can() {
    let (stub, _, home) = scene(told(GOOD, "\"one\"", "4"));
    let in_the_way = home.state_dir().join(".remote.toml.new");
    fs::create_dir(&in_the_way).unwrap();
    let log = run(&home);
    assert!(
        lines(&log, " WARN: The configuration from the backend is not used")[0].contains("writing "),
        "{log}"
    );
    fs::remove_dir(&in_the_way).unwrap();
    let log = run(&home);
    assert_eq!(known(&stub), None);
    assert!(log.contains("Configuration version 4 pulled"), "{log}");
}

#[test]
fn one_that_was_refused_is_told_once_though_there_is_no_good_one() {
    let (stub, answer, home) = scene(told("[postgres]\nhost = \"elsewhere\"\n", "\"bad\"", "1"));
    assert_eq!(lines(&run(&home), " WARN: ").len(), 1);
    *answer.lock().unwrap() = Answer::reply(304, "");
    assert_eq!(lines(&run(&home), " WARN: ").len(), 0);
    assert_eq!(known(&stub).as_deref(), Some("\"bad\""));
}

#[test]
fn a_torn_file_is_named_and_the_configuration_stands_alone() {
    let (_stub, _, home) = scene(Answer::reply(304, ""));
    for torn in
        [&b"[postgresql]\nquery_stats_li"[..], b"\xff\x00garbage", b"[backend]\nurl = \"http://elsewhere\"\n"]
    {
        fs::write(home.state_dir().join("remote.toml"), torn).unwrap();
        let log = run(&home);
        assert!(lines(&log, "remote.toml").iter().any(|line| line.contains("WARN")), "{log}");
        assert!(log.contains("the configuration file stands alone") && log.contains("limit=100"), "{log}");
    }
}
