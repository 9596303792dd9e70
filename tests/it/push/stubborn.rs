//! A batch that a healthy backend answers with 500, again and again.

use super::desk::*;
use crate::support::home::Home;
use crate::support::stub::Answer;

/// 500 for this batch, and an acknowledgement for all others.
fn refuse(backend: &Backend, id: &str) {
    let id = id.to_owned();
    backend.answers(by_batch(move |request| match request.batch_id() {
        Some(sent) if sent == id => Answer::reply(500, r#"{"code":"internal","message":"an error"}"#),
        _ => Answer::Accept,
    }));
}

/// Time passes: the breaker lets through, and the first answer lies back further.
fn later(home: &Home, seconds: i64) {
    change_ledger(home, |ledger| {
        ledger.breaker.open_until = None;
        ledger.stubborn.iter_mut().for_each(|s| s.since -= seconds);
    });
}

fn stuck() -> (Backend, Home, String) {
    let backend = Backend::start(Answer::reply(404, ""));
    let home = home_for(&backend.stub.url());
    assert_eq!(home.cron().code, Some(1));
    let id = entries(&home)[0].batch_id.clone();
    refuse(&backend, &id);
    (backend, home, id)
}

#[test]
fn goes_behind_the_others_and_then_aside() {
    let (backend, home, id) = stuck();
    for run in 1..=4 {
        assert_eq!(home.cron().code, Some(1));
        assert!(backend.accepted().is_empty(), "the others wait behind it");
        later(&home, 150);
        assert_eq!(read_ledger(&home).stubborn[0].answers, run);
    }
    assert_eq!(home.cron().code, Some(1), "one waits still");
    assert_in_order(&backend.accepted());
    assert_eq!(backend.accepted().len(), 5, "{:?}", backend.stub.log());
    assert_eq!(entries(&home).iter().map(|e| &e.batch_id).collect::<Vec<_>>(), [&id]);
    assert!(home.log().contains("goes behind the others"), "{}", home.log());
    for _ in 0..5 {
        assert!(rejects(&home).is_empty());
        let before = backend.count();
        assert_eq!(home.cron().code, Some(1));
        assert!(backend.log_since(before)[0].ends_with("accept"), "the fresh one first");
        later(&home, 150);
    }
    assert_eq!(rejects(&home).iter().map(|e| &e.batch_id).collect::<Vec<_>>(), [&id]);
    assert!(entries(&home).is_empty() && read_ledger(&home).stubborn.is_empty());
    assert_eq!(backend.accepted().len(), 10);
    assert_eq!(home.cron().code, Some(0));
}

#[test]
fn is_waited_for_while_the_backend_is_not_well() {
    let (backend, home, id) = stuck();
    backend.health(Answer::reply(503, r#"{"status":"degraded"}"#));
    for _ in 0..7 {
        assert_eq!(home.cron().code, Some(1));
        later(&home, 150);
    }
    assert!(backend.stub.log().contains(&format!("GET {HEALTH} -> reply 503")), "{:?}", backend.stub.log());
    assert_eq!(entries(&home)[0].batch_id, id);
    assert!(backend.accepted().is_empty() && rejects(&home).is_empty());
    backend.answers(Answer::Accept);
    assert_eq!(home.cron().code, Some(0));
    assert_in_order(&backend.accepted());
    assert_eq!(backend.accepted().len(), 9);
}

#[test]
fn a_backend_that_answers_500_to_all_loses_nothing() {
    let backend = Backend::start(Answer::reply(500, ""));
    let home = home_for(&backend.stub.url());
    for _ in 0..12 {
        assert_eq!(home.cron().code, Some(1));
        later(&home, 150);
    }
    assert_eq!(entries(&home).len(), 12);
    assert!(rejects(&home).is_empty());
    backend.answers(Answer::Accept);
    assert_eq!(home.cron().code, Some(0));
    assert_eq!((backend.accepted().len(), entries(&home).len()), (13, 0));
}
