//! The breaker: three failed runs open it, the one batch of a half-open run decides, and what the backend asks for
//! comes first.

use std::time::Duration;

use super::desk::*;
use crate::support::stub::Answer;

#[test]
fn opens_after_three_failed_runs_and_one_batch_closes_or_reopens_it() {
    let backend = Backend::start(Answer::reply(502, ""));
    let home = home_for(&backend.stub.url());
    for _ in 0..3 {
        assert_eq!(home.cron().code, Some(1));
    }
    assert_eq!(backend.count(), 3);
    assert_eq!(home.cron().code, Some(1));
    assert_eq!(backend.count(), 3, "open: no connection");
    assert!(lines(&home.log(), "Push failed").last().unwrap().contains("breaker open"), "{}", home.log());
    wait_is_over(&home);
    assert_eq!(home.cron().code, Some(1));
    assert_eq!(backend.count(), 4, "half-open: one batch of the five");
    assert_eq!(home.cron().code, Some(1));
    assert_eq!(backend.count(), 4, "open again");
    wait_is_over(&home);
    backend.answers(Answer::Accept);
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    assert_in_order(&backend.accepted());
    assert_eq!((backend.accepted().len(), entries(&home).len()), (7, 0), "the same run drains on");
    assert_eq!(read_ledger(&home).breaker, Default::default());
}

#[test]
fn a_wait_asked_for_counts_from_the_answer_and_beats_the_breakers_own() {
    let slow = by_batch(|_| {
        std::thread::sleep(Duration::from_millis(1500));
        Answer::reply(503, "").header("retry-after", "1800")
    });
    let backend = Backend::start(slow);
    let home = home_for(&backend.stub.url());
    let before = jiff::Timestamp::now().as_second();
    assert_eq!(home.cron().code, Some(1));
    let until = read_ledger(&home).breaker.open_until.unwrap();
    assert!((before + 1801..=before + 1810).contains(&until), "{}", until - before);
    backend.answers(Answer::Accept);
    assert_eq!(home.cron().code, Some(1));
    assert_eq!(backend.count(), 1);
    assert_eq!(home.run(&["spool", "flush"]).code, Some(0), "a person need not wait");
    assert_eq!((backend.accepted().len(), entries(&home).len()), (2, 0));
}
