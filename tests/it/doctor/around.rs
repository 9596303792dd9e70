//! The backend, the clocks, this host's files; and that nothing is changed and nothing waited for.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::{Bed, marked, says};
use crate::support::cluster::shared;
use crate::support::home::Home;
use crate::support::majors;
use crate::support::stub::{Answer, Request, Stub};

/// Path, content and time of change of all that is below.
fn everything(folder: &Path, into: &mut BTreeMap<PathBuf, (Vec<u8>, i64, i64)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, meta) = (entry.path(), entry.metadata().unwrap());
        let content = if meta.is_dir() { Vec::new() } else { fs::read(&path).unwrap() };
        into.insert(path.clone(), (content, meta.ctime(), meta.ctime_nsec()));
        if meta.is_dir() {
            everything(&path, into);
        }
    }
}

fn left(bed: &Bed) -> BTreeMap<PathBuf, (Vec<u8>, i64, i64)> {
    let mut found = BTreeMap::new();
    everything(&bed.home.state_dir(), &mut found);
    everything(&bed.home.target_dir(), &mut found);
    found
}

#[test]
fn it_changes_nothing() {
    let bed = Bed::new(shared(majors()[0]), 1);
    bed.check(0);
    assert!(left(&bed).is_empty(), "{:?}", left(&bed).keys());
    assert!(!bed.home.log_path().exists());
    bed.cycle(0);
    let (before, log) = (left(&bed), bed.home.log());
    assert!(before.len() > 2, "{:?}", before.keys());
    bed.check(0);
    assert!(before == left(&bed), "something was written");
    assert_eq!(log, bed.home.log());
    fs::remove_dir_all(bed.home.state_dir()).unwrap();
    let run = bed.check(0);
    marked(&run, "! ", "the first cycle makes it");
    assert!(!bed.home.state_dir().exists());
}

#[test]
fn of_a_backend_it_asks_for_two_things_and_says_no_secret() {
    let stub = Stub::start(|request: &Request| match request.path.as_str() {
        "/api/v1/health" => Answer::reply(200, "{}").header("date", "Fri, 01 Jan 2021 00:00:00 GMT"),
        _ => Answer::reply(200, ""),
    });
    let bed = Bed::new(shared(majors()[0]), 1);
    bed.configure(&format!("[backend]\nurl = \"{}\"\ntoken = \"top-secret\"\n", stub.url()));
    let run = bed.check(1);
    marked(&run, "x ", "behind this host's: see to NTP");
    marked(&run, "ok", "valid");
    marked(&run, "! ", "travel unencrypted");
    assert!(!run.stdout.contains("top-secret"));
    assert_eq!(
        stub.log(),
        ["GET /api/v1/health -> reply 200", "GET /api/v1/metrics?limit=1&collector_id=it -> reply 200"]
    );
    assert_eq!(stub.requests()[0].request.header("authorization"), None);
    assert_eq!(stub.requests()[1].request.header("authorization"), Some("Bearer top-secret"));
}

#[test]
fn answers_of_a_backend() {
    let bed = Bed::new(shared(majors()[0]), 1);
    for (health, own, mark, words) in [
        (200, 200, "ok", "valid"),
        (200, 404, "! ", "the backend answered 404"),
        (200, 422, "x ", "no id that the backend gives"),
        (200, 401, "x ", "refused (401)"),
        (200, 403, "x ", "not that of it (403)"),
        (200, 500, "! ", "the backend answered 500"),
        (302, 200, "x ", "it redirects (302)"),
        (404, 200, "x ", "its health is 404"),
        (503, 200, "x ", "its health is 503"),
        (429, 200, "! ", "too busy to say"),
    ] {
        let stub = Stub::start(move |request: &Request| {
            Answer::reply(if request.path.ends_with("/health") { health } else { own }, "{}")
        });
        bed.configure(&format!("[backend]\nurl = \"{}\"\ntoken = \"s\"\n", stub.url()));
        let run = bed.check(i32::from(mark == "x "));
        marked(&run, mark, words);
    }
}

#[test]
fn how_long_a_token_serves() {
    let stub = Stub::start(|_: &Request| Answer::reply(200, "{}"));
    let bed = Bed::new(shared(majors()[0]), 1);
    let ask = |age_h: i64, given: &str| {
        let token = jwt(age_h * 3600);
        fs::write(bed.home.state_dir().join("collector.token"), &token).unwrap();
        let given = given.replace("{token}", &token);
        bed.configure(&format!("[backend]\nurl = \"{}\"\n{given}\n", stub.url()));
        let run = bed.check(0);
        assert!(!run.stdout.contains(&token), "{}", run.stdout);
        run
    };
    let day = 24;
    marked(&ask(day, ""), "ok", "the token expires in 29 days");
    let old = ask(20 * day, "");
    marked(&old, "! ", "the token expires in 10 days, half of its life is over and it is not refreshed");
    marked(&old, "! ", "the next cycle refreshes it");
    marked(&ask(29 * day, ""), "! ", "the token expires in 24 h, half");
    marked(&ask(34 * day, ""), "! ", "the token has expired 3 days ago: the next cycle refreshes it");
    let fixed = Home::new().env("BACKEND_TOKEN", &jwt(20 * day * 3600));
    fs::copy(bed.home.config_path(), fixed.config_path()).unwrap();
    marked(&fixed.run(&["check"]), "! ", "where no new one takes its place: replace it there");
    assert!(!stub.log().iter().any(|line| line.starts_with("POST")), "{:?}", stub.log());
}

/// A token of 30 days that was given so long ago; a minute less, for a test that takes its time.
fn jwt(age_s: i64) -> String {
    let iat = jiff::Timestamp::now().as_second() - age_s + 60;
    let claims = format!(r#"{{"iat":{iat},"exp":{}}}"#, iat + 30 * 86_400);
    format!("e30.{}.signed", BASE64_URL_SAFE_NO_PAD.encode(claims))
}

#[test]
fn what_waits_and_what_was_refused_is_told() {
    let bed = Bed::new(shared(majors()[0]), 1);
    bed.configure("[backend]\nurl = \"http://127.0.0.1:1\"\ntoken = \"s\"\n");
    for _ in 0..3 {
        bed.cycle(1);
    }
    fs::create_dir(bed.home.state_dir().join("reject")).unwrap();
    fs::copy(&bed.home.spool_files()[0], bed.home.state_dir().join("reject/000000001-a.json.gz")).unwrap();
    let run = bed.check(1);
    marked(&run, "! ", "spool: 3 batches wait");
    marked(&run, "x ", "breaker: open for");
    marked(&run, "! ", "refused 1 batches for good");
}

#[test]
fn files_of_this_host() {
    let bed = Bed::new(shared(majors()[0]), 1);
    bed.cycle(0);
    let run = bed.check(0);
    marked(&run, "ok", "state directory");
    marked(&run, "ok", "lock: free");
    marked(&run, "ok", "spool: empty");
    let text = fs::read_to_string(bed.home.config_path()).unwrap();
    let state = bed.home.state_dir().display().to_string();
    fs::write(bed.home.state_dir().join("file"), "").unwrap();
    bed.home.config(&text.replace(&format!("\"{state}\""), &format!("\"{state}/file/below\"")));
    let run = bed.check(1);
    marked(&run, "x ", "cannot be made");
    bed.home.config(&text.replace("file://", &format!("file://{state}/file")));
    let run = bed.check(1);
    marked(&run, "x ", "cannot be written");
    bed.home.config(&text);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(bed.home.state_dir().join("ledger.json"), Some(12345), None).unwrap();
        let run = bed.check(1);
        marked(&run, "x ", "1 files in");
    }
}

/// A server that accepts and never answers, and a backend of the same kind.
#[test]
fn nobody_is_waited_for() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let stub = Stub::start(|_: &Request| Answer::Stall);
    let bed = Bed::new(shared(majors()[0]), 1);
    bed.configure(&format!(
        "run_timeout = 8\n[backend]\nurl = \"{}\"\ntoken = \"s\"\n\
         [[servers]]\nname = \"mute\"\nhost = \"127.0.0.1\"\nport = {}\nconnect_timeout = 1\nsslmode = \"disable\"\n",
        stub.url(),
        mute.local_addr().unwrap().port()
    ));
    let run = bed.check(1);
    assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
    marked(&run, "x ", "accepts connections and never answers");
    says(&run, "Server main");
    marked(&run, "ok", "1 of 1 watched databases are open");
}

#[test]
fn the_configuration_is_looked_at_first() {
    let bed = Bed::new(shared(majors()[0]), 1);
    bed.configure("interval = 30\n");
    marked(&bed.check(0), "! ", "run_timeout 50 is not below interval 30");
    bed.configure("interval = 0\n");
    assert_eq!(bed.home.run(&["check"]).code, Some(2));
}
