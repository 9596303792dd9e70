//! Every answer that a backend, or what stands before it, can give: what happens to the batch, what is said, and that
//! one later run delivers everything once and in order.

use std::time::Duration;

use super::desk::*;
use crate::support::home::{Home, Run};
use crate::support::stub::Answer;

const PROBLEM: &str = r#"{"code":"invalid_batch","message":"no such collector","request_id":"r-1"}"#;

#[derive(Clone, Copy, PartialEq)]
enum Wait {
    None,
    Asked,
}

#[test]
fn an_acknowledgement_empties_the_spool() {
    let backend = Backend::start(Answer::Accept);
    let home = home_for(&backend.stub.url());
    let run = home.cron();
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (Some(0), "", ""), "{}", home.log());
    assert_eq!(backend.stub.log(), [format!("POST {PUSH} -> accept")]);
    assert!(entries(&home).is_empty());
    let request = &backend.stub.requests()[0].request;
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    let batch = &backend.accepted()[0];
    assert_eq!((batch.sequence, batch.body["collector_id"].as_str()), (1, Some("c-1")));
    assert!(batch.items().len() >= 2);
    assert_secret(&home, &run, TOKEN);
}

#[test]
fn any_2xx_that_echoes_the_id_will_do() {
    let created = by_batch(|request| {
        Answer::reply(201, format!(r#"{{"batch_id":"{}"}}"#, request.batch_id().unwrap()))
    });
    let backend = Backend::start(created);
    let home = home_for(&backend.stub.url());
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    assert!(entries(&home).is_empty());
}

#[test]
fn a_2xx_that_does_not_acknowledge_keeps_the_batch() {
    kept(Answer::AcceptOther, "accept another batch", "acknowledged another batch", Wait::None);
    kept(Answer::reply(200, "<html>Welcome</html>"), "reply 200", "no acknowledgement", Wait::None);
    kept(Answer::reply(200, r#"{"status":"success"}"#), "reply 200", "acknowledged no batch", Wait::None);
    kept(Answer::reply(201, ""), "reply 201", "no acknowledgement", Wait::None);
    kept(Answer::reply(204, ""), "reply 204", "no acknowledgement", Wait::None);
}

#[test]
fn a_redirect_is_not_followed_and_keeps_the_batch() {
    kept(Answer::reply(301, "").header("location", "/elsewhere"), "reply 301", "[backend] url", Wait::None);
    kept(Answer::redirect("http://127.0.0.1:1/"), "reply 307", "[backend] url", Wait::None);
}

#[test]
fn a_refusal_that_is_not_the_backends_own_keeps_the_batch() {
    kept(Answer::reply(400, "<html>Bad Request</html>"), "reply 400", "stands before it", Wait::None);
    kept(Answer::reply(422, ""), "reply 422", "stands before it", Wait::None);
    kept(Answer::reply(403, PROBLEM), "reply 403", "no such collector", Wait::None);
    kept(Answer::reply(404, "not found"), "reply 404", "check [backend] url", Wait::None);
}

#[test]
fn a_sick_backend_keeps_the_batch() {
    kept(Answer::reply(500, PROBLEM), "reply 500", "see the backend's log", Wait::None);
    kept(Answer::reply(502, "<html>Bad Gateway</html>"), "reply 502", "stands before it", Wait::None);
    kept(Answer::reply(503, ""), "reply 503", "not available", Wait::None);
    kept(Answer::reply(429, ""), "reply 429", "too many requests", Wait::None);
}

#[test]
fn a_wait_that_the_backend_asks_for_is_kept() {
    kept(Answer::reply(429, "").header("retry-after", "120"), "reply 429", "too many requests", Wait::Asked);
    kept(Answer::reply(503, PROBLEM).header("retry-after", "60"), "reply 503", "not available", Wait::Asked);
}

#[test]
fn broken_replies_keep_the_batch() {
    kept(Answer::Half, "half a reply", "see the log of the backend", Wait::None);
    kept(Answer::WrongLength(10), "length wrong by 10", "see the log of the backend", Wait::None);
    kept(Answer::WrongLength(-1), "length wrong by -1", "no acknowledgement", Wait::None);
    kept(Answer::ResetBeforeBody, "reset before the body", "see the log of the backend", Wait::None);
    kept(Answer::ResetAfterBody, "reset after the body", "see the log of the backend", Wait::None);
}

#[test]
fn a_backend_that_stalls_or_drips_is_left_at_the_deadline() {
    kept(Answer::Stall, "stall", "the backend or the way to it is slow", Wait::None);
    kept(
        Answer::Drip(Duration::from_millis(200)),
        "drip",
        "the backend or the way to it is slow",
        Wait::None,
    );
}

#[test]
fn a_slow_reply_within_the_time_is_an_acknowledgement() {
    let backend = Backend::start(Answer::Drip(Duration::from_millis(3)));
    let home = home_for(&backend.stub.url());
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    assert!(entries(&home).is_empty());
    assert_eq!(backend.stub.log(), [format!("POST {PUSH} -> drip")]);
}

#[test]
fn the_backends_own_refusal_puts_the_batch_aside_for_a_person() {
    for status in [400, 422] {
        let backend = Backend::start(Answer::reply(status, PROBLEM));
        let home = home_for(&backend.stub.url());
        let run = home.cron();
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.contains("spool list"), "{}", run.stderr);
        assert_eq!(backend.stub.log(), [format!("POST {PUSH} -> reply {status}")]);
        assert!(entries(&home).is_empty());
        let rejected = rejects(&home);
        assert_eq!(rejected.len(), 1);
        assert_eq!(read_ledger(&home).lost_sequences, [1], "marks of its texts are void");
        assert!(home.log().contains("no such collector"), "{}", home.log());
        assert!(!home.log().contains("Metrics pushed successfully"));
        backend.answers(Answer::Accept);
        assert_eq!(home.cron().code, Some(0));
        assert_eq!(home.run(&["spool", "flush", "--rejected"]).code, Some(0));
        let ids: Vec<String> = backend.accepted().into_iter().map(|a| a.id).collect();
        assert_eq!((ids.len(), &ids[1]), (2, &rejected[0].batch_id));
        assert!(rejects(&home).is_empty() && entries(&home).is_empty());
    }
}

/// The fault keeps the batch, is told once in a way that helps, and later everything arrives.
#[track_caller]
fn kept(fault: Answer, name: &str, said: &str, wait: Wait) {
    let backend = Backend::start(fault);
    let home = home_for(&backend.stub.url());
    let run = home.cron();
    fault_is_told(&backend, &home, &run, said);
    assert_eq!(backend.log_since(0)[0], format!("POST {PUSH} -> {name}"));
    assert_eq!(entries(&home).len(), 1, "{name}");
    assert!(rejects(&home).is_empty(), "{name}");
    if wait == Wait::Asked {
        let before = backend.count();
        assert_eq!(home.cron().code, Some(1));
        assert_eq!(backend.count(), before, "{name}: no connection before the time");
        assert_eq!(entries(&home).len(), 2, "{name}");
        wait_is_over(&home);
    }
    recovers(&backend, &home);
}

#[track_caller]
fn fault_is_told(backend: &Backend, home: &Home, run: &Run, said: &str) {
    let log = home.log();
    assert_eq!(run.code, Some(1), "{log}");
    assert!(run.took < Duration::from_secs(RUN_S + 1), "{:?}", run.took);
    let told = lines(&log, "Push failed");
    assert_eq!(told.len(), 1, "{log}");
    let host = backend.stub.address().to_string();
    assert!(told[0].contains(" WARN: ") && told[0].contains(&host) && told[0].contains(said), "{}", told[0]);
    assert!(log.contains("Pushing ") && !log.contains("Metrics pushed successfully"), "{log}");
    assert!(log.contains("Spool buffer: 1 batches"), "{log}");
    assert!(run.stderr.contains("batches wait") && run.stdout.is_empty(), "{run:?}");
    assert_secret(home, run, TOKEN);
}

#[track_caller]
fn recovers(backend: &Backend, home: &Home) {
    let waiting: Vec<String> = entries(home).into_iter().map(|e| e.batch_id).collect();
    backend.answers(Answer::Accept);
    let run = home.cron();
    assert_eq!(run.code, Some(0), "{}", home.log());
    assert!(run.stderr.contains("over after"), "{}", run.stderr);
    let arrived = backend.accepted();
    assert_in_order(&arrived);
    let ids: Vec<&str> = arrived.iter().map(|a| a.id.as_str()).collect();
    assert_eq!(
        (&ids[..ids.len() - 1], ids.len()),
        (&waiting.iter().map(String::as_str).collect::<Vec<_>>()[..], waiting.len() + 1)
    );
    assert!(entries(home).is_empty());
    let log = home.log();
    assert!(log.contains("older batches delivered") && log.contains("Metrics pushed successfully"), "{log}");
}
