//! The readings, and what is made of them.

use serde::Serialize;
use serde_json::value::RawValue;
use wire::Outcome;

use super::waits::{Blocker, Chain, Waiting};
use crate::collect::part::{Done, Fragment};
use crate::collect::sql::with_missing;
use crate::collect::statement_text::Texts;
use crate::collect::{Cx, Placed, Variant, statement};
use crate::pg::failure::Failure;
use crate::pg::session::Session;

const KEY: &str = "locks";
const LOCKS_TAG: &str = "pg_locks.locks";
const WAITS_TAG: &str = "pg_locks.waits";
const LOCKS: &str = include_str!("locks.13.sql");
const WAITS: &[Variant] = &[
    Variant { since: 13, sql: include_str!("waits.13.sql") },
    Variant { since: 14, sql: include_str!("waits.14.sql") },
];

#[derive(Default, Serialize)]
struct Locks {
    /// Groups of locks.
    active_locks_total: i64,
    active_locks: Vec<Box<RawValue>>,
    /// Locks that are waited for.
    waiting: i64,
    lock_wait_chains_total: i64,
    lock_wait_chains: Vec<Chain>,
    blocking_queries_total: usize,
    blocking_queries: Vec<Blocker>,
}

pub(super) fn run(session: &mut Session, cx: &Cx) -> Vec<Placed> {
    let done = match read(session, cx) {
        Ok(locks) => {
            let outcome = Outcome { rows: locks.active_locks.len() as u64, ..Outcome::default() };
            let total = Some(locks.active_locks_total.cast_unsigned());
            let missing = [session.missing(LOCKS_TAG), session.missing(WAITS_TAG)].concat();
            let outcome = with_missing(Outcome { total, ..outcome }, missing);
            Done { key: KEY, fragment: Fragment::fields(&locks), outcome }
        }
        Err(failure) => failure.done(KEY),
    };
    vec![Placed { database: None, done }]
}

fn read(session: &mut Session, cx: &Cx) -> Result<Locks, Failure> {
    let texts = Texts::of(cx.config);
    let mut locks = Locks::default();
    session.query(LOCKS_TAG, LOCKS, &[], |row| {
        locks.active_locks_total = row.try_get("_total")?;
        locks.waiting = row.try_get("_waiting")?;
        locks.active_locks.push(texts.object(row)?);
        Ok(())
    })?;
    if locks.waiting == 0 {
        return Ok(locks);
    }
    let mut waiting = Waiting::default();
    let sql = statement(WAITS, cx.facts.major());
    session.query(WAITS_TAG, sql, &[], |row| waiting.take(row, texts))?;
    locks.lock_wait_chains_total = waiting.total;
    locks.lock_wait_chains = waiting.chains();
    (locks.blocking_queries, locks.blocking_queries_total) = waiting.blockers();
    Ok(locks)
}
