//! The token: where it is from, what a 401 leads to, where a new one goes, and that none is ever told.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::desk::*;
use crate::support::home::Home;
use crate::support::stub::{Answer, Request, Stub};

const NEW: &str = "second-token-2718281828";

/// Takes batches with this token only, and refreshes any other into it.
fn door(good: &'static str, refresh: Answer) -> Stub {
    Stub::start(move |request: &Request| {
        let shown = request.header("authorization").unwrap_or_default();
        match request.path.as_str() {
            PUSH if shown == format!("Bearer {good}") => Answer::Accept,
            PUSH => Answer::reply(401, r#"{"code":"unauthorized","message":"expired"}"#),
            REFRESH => refresh.clone(),
            _ => Answer::reply(404, ""),
        }
    })
}

fn renewal() -> Answer {
    Answer::reply(200, format!(r#"{{"token":"{NEW}","expires_at":"2027-01-01T00:00:00Z"}}"#))
}

fn log_of(stub: &Stub) -> Vec<String> {
    stub.log().into_iter().map(|line| line.replace("POST /api/v1/", "")).collect()
}

#[test]
fn a_rejected_token_is_refreshed_once_and_the_new_one_kept() {
    let stub = door(NEW, renewal());
    let home = home_for(&stub.url());
    let run = home.cron();
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", home.log());
    let [push, refresh] = ["metrics/push", "collectors/refresh-token"];
    let expected =
        [format!("{push} -> reply 401"), format!("{refresh} -> reply 200"), format!("{push} -> accept")];
    assert_eq!(log_of(&stub), expected);
    let seen = stub.requests();
    assert_eq!(seen[0].request.json, seen[2].request.json, "the same batch once more");
    assert_eq!(seen[1].request.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert_eq!(seen[1].request.json, Some(serde_json::json!({})));
    assert_eq!(fs::read_to_string(token_path(&home)).unwrap(), format!("{NEW}\n"));
    assert_eq!(fs::metadata(token_path(&home)).unwrap().permissions().mode() & 0o777, 0o600);
    in_order(
        &home.log(),
        &[
            &format!(" INFO: Loaded auth token from {}", token_path(&home).display()),
            " INFO: Pushing ",
            " WARN: Auth token rejected (401), refreshing",
            " INFO: Token refreshed successfully",
            " INFO: Metrics pushed successfully",
        ],
    );
    for secret in [TOKEN, NEW] {
        assert_secret(&home, &run, secret);
    }
    assert_eq!(home.cron().code, Some(0));
    assert_eq!(stub.requests().len(), 4, "the new token is good from the start");
}

#[test]
fn a_token_that_is_rejected_again_keeps_the_batches_and_ends_the_run() {
    let stub = door("some other", renewal());
    let home = home_for(&stub.url());
    for runs in 1..=2 {
        assert_eq!(home.cron().code, Some(1));
        let expected = runs * 3;
        assert_eq!(stub.requests().len(), expected, "{:?}", stub.log());
        assert_eq!(entries(&home).len(), runs);
    }
    let log = home.log();
    assert!(
        lines(&log, "Push failed")[0].contains("give [backend] token or token_file a valid one"),
        "{log}"
    );
    assert!(!log.contains("Metrics pushed successfully"));
}

#[test]
fn a_run_refreshes_once_whatever_comes_after() {
    let stub = Stub::start(|request: &Request| match (request.path.as_str(), request.ordinal) {
        (REFRESH, _) => renewal(),
        (_, 0) => Answer::reply(404, ""),
        (_, 3) => Answer::Accept,
        _ => Answer::reply(401, ""),
    });
    let home = home_for(&stub.url());
    assert_eq!(home.cron().code, Some(1));
    assert_eq!(home.cron().code, Some(1));
    let statuses: Vec<String> =
        stub.log().iter().map(|l| l.rsplit("> ").next().unwrap().to_owned()).collect();
    assert_eq!(statuses, ["reply 404", "reply 401", "reply 200", "accept", "reply 401"]);
    assert_eq!(entries(&home).len(), 1);
}

#[test]
fn a_refresh_that_fails_keeps_the_token_and_the_batch() {
    for (answer, said) in [
        (Answer::reply(403, ""), "answered 403"),
        (Answer::reply(200, "{}"), "holds no token"),
        (Answer::reply(200, r#"{"token":" "}"#), "holds no token"),
        (Answer::ResetAfterBody, "see the log of the backend"),
    ] {
        let stub = door(NEW, answer);
        let home = home_for(&stub.url());
        assert_eq!(home.cron().code, Some(1));
        assert_eq!((stub.requests().len(), entries(&home).len()), (2, 1), "{:?}", stub.log());
        assert_eq!(fs::read_to_string(token_path(&home)).unwrap(), format!("{TOKEN}\n"));
        let log = home.log();
        assert!(lines(&log, "Push failed")[0].contains(said), "{log}");
        assert!(!log.contains("refreshed successfully"), "{log}");
    }
}

#[test]
fn without_a_token_nothing_is_sent_and_the_next_step_named() {
    let stub = door(NEW, renewal());
    let home = home_for(&stub.url());
    for spoil in [true, false] {
        if spoil {
            fs::remove_file(token_path(&home)).unwrap();
        } else {
            store_token(&home, " ");
        }
        let run = home.cron();
        assert_eq!(run.code, Some(1));
        assert!(
            run.stderr.is_empty() || run.stderr.contains("put the collector's token there"),
            "{}",
            run.stderr
        );
    }
    assert!(stub.requests().is_empty(), "{:?}", stub.log());
    let log = home.log();
    let told = lines(&log, "Push failed");
    assert!(
        told.len() == 2 && told.iter().all(|line| line.contains("put the collector's token there")),
        "{log}"
    );
    assert_eq!(read_ledger(&home).breaker.failures, 0, "the backend did nothing wrong");
    store_token(&home, NEW);
    assert_eq!(home.cron().code, Some(0));
    assert_in_order(&accepted(&stub));
    assert_eq!(accepted(&stub).len(), 3);
}

#[test]
fn a_refreshed_token_is_newer_than_the_configured_one_until_that_is_changed() {
    let stub = door(NEW, renewal());
    let home = home_with(&stub.url(), &format!("token = \"{TOKEN}\""));
    fs::remove_file(token_path(&home)).unwrap();
    assert_eq!(home.cron().code, Some(0));
    assert_eq!(fs::read_to_string(token_path(&home)).unwrap(), format!("{NEW}\n"));
    assert_eq!(home.cron().code, Some(0));
    assert_eq!(stub.requests().len(), 4, "no second refresh: {:?}", stub.log());
    configure(&home, &stub.url(), "", "token = \"third\"");
    assert_eq!(home.cron().code, Some(0));
    assert_eq!(stub.requests()[4].request.header("authorization"), Some("Bearer third"));
}

#[test]
fn the_environments_token_comes_first() {
    let stub = door(NEW, renewal());
    let home = Home::new().env("BACKEND_TOKEN", NEW);
    configure(&home, &stub.url(), "", "token = \"other\"");
    store_token(&home, TOKEN);
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    assert_eq!(stub.requests().len(), 1);
    assert!(home.log().contains("Loaded auth token from BACKEND_TOKEN"));
}

/// All there, one after the other.
#[track_caller]
fn in_order(log: &str, expected: &[&str]) {
    let mut rest = log;
    for line in expected {
        let at = rest.find(line).unwrap_or_else(|| panic!("{line} is missing, or too early, in\n{log}"));
        rest = &rest[at + line.len()..];
    }
}
