//! Runs that end before they are done: asked to, or killed. Nothing that was sealed is lost by it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::desk::*;
use crate::support::chance::Chance;
use crate::support::home::Home;
use crate::support::poll::LONG;
use crate::support::stub::Answer;

#[test]
fn a_signal_ends_a_stalled_push_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let backend = Backend::start(Answer::Stall);
        let home = home_for(&backend.stub.url());
        let run = home.spawn(&["cron"]);
        backend.stub.wait_for(1, LONG);
        let asked = Instant::now();
        run.signal(signal);
        let run = run.wait(LONG);
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
        assert_eq!(run.code, Some(1), "{}", home.log());
        assert_eq!(backend.stub.log(), [format!("POST {PUSH} -> stall")]);
        assert_eq!(entries(&home).len(), 1);
        backend.answers(Answer::Accept);
        assert_eq!(home.cron().code, Some(0));
        assert_in_order(&backend.accepted());
        assert_eq!(backend.accepted().len(), 2);
    }
}

#[test]
fn what_was_delivered_before_a_signal_is_known_afterwards() {
    let backend = Backend::start(Answer::reply(404, ""));
    let home = home_for(&backend.stub.url());
    assert_eq!(home.cron().code, Some(1));
    let first = entries(&home)[0].batch_id.clone();
    backend.answers(by_batch(move |request| match request.batch_id() {
        Some(id) if id == first => Answer::Accept,
        _ => Answer::Stall,
    }));
    let run = home.spawn(&["cron"]);
    backend.stub.wait_for(3, LONG);
    run.signal(Signal::TERM);
    assert_eq!(run.wait(LONG).code, Some(1));
    assert_eq!(entries(&home).len(), 1);
    let ledger = read_ledger(&home);
    assert!(ledger.pushed_at.is_some() && ledger.breaker.failures == 0, "{ledger:?}");
    assert!(home.log().contains("1 older batches delivered"), "{}", home.log());
}

#[test]
fn kills_at_any_moment_lose_nothing_that_was_sealed() {
    let mut chance = Chance::new(Chance::seed_of_test());
    let backend = Backend::start(Answer::Accept);
    let home = home_for(&backend.stub.url());
    let mut horizon_us = home.cron().took.as_micros() as u64;
    let (mut sealed, mut killed) = (BTreeMap::new(), 0);
    for round in 0..50 {
        // Some of the backlog stays, some goes.
        backend.answers(if chance.below(3) == 0 { Answer::ResetAfterBody } else { Answer::Accept });
        let run = home.spawn(&["cron"]);
        std::thread::sleep(Duration::from_micros(chance.below(horizon_us)));
        run.kill9();
        // Three of four are to die, however busy the machine is.
        let dead = run.wait(LONG).signal.is_some();
        killed += u32::from(dead);
        horizon_us = if dead { horizon_us * 9 / 8 } else { horizon_us * 3 / 4 };
        look(&home, &mut sealed, round);
    }
    let lived: BTreeSet<u64> =
        backend.accepted().iter().map(|a| a.sequence).chain(sealed.keys().copied()).collect();
    assert!(killed > 10 && lived.len() > 5, "kills came before and after sealing: {killed} {lived:?}");
    change_ledger_if_there(&home);
    backend.answers(Answer::Accept);
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    arrived_all(&backend, &sealed);
    assert!(entries(&home).is_empty());
}

/// Ledger and spool can be read, and a sequence is one batch's only.
fn look(home: &Home, sealed: &mut BTreeMap<u64, String>, round: usize) {
    read_ledger(home);
    for entry in entries(home) {
        let text = pganalytics::batch::inflate(&std::fs::read(&entry.path).unwrap()).unwrap();
        let batch: wire::Batch = serde_json::from_slice(&text).unwrap();
        assert_eq!((batch.sequence, &batch.batch_id), (entry.sequence, &entry.batch_id));
        let known = sealed.entry(entry.sequence).or_insert(entry.batch_id.clone());
        assert_eq!(*known, entry.batch_id, "round {round}");
    }
}

fn change_ledger_if_there(home: &Home) {
    change_ledger(home, |ledger| ledger.breaker = Default::default());
}

/// A batch may come twice, when the kill came between its acknowledgement and its removal; the id says so.
fn arrived_all(backend: &Backend, sealed: &BTreeMap<u64, String>) {
    let arrived = backend.accepted();
    let ids: BTreeMap<&str, u64> = arrived.iter().map(|a| (a.id.as_str(), a.sequence)).collect();
    for (sequence, id) in sealed {
        assert_eq!(ids.get(id.as_str()), Some(sequence), "sealed and not arrived");
    }
    let sequences: BTreeSet<u64> = ids.values().copied().collect();
    assert_eq!(sequences.len(), ids.len(), "ids and sequences are one to one");
}
