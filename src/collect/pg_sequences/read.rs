//! The run of it: every sequence is read, a few at a time, and the most used are told.
//!
//! Reading a sequence locks it until the transaction ends: in the way of an ALTER SEQUENCE, and a place in the server's
//! table of locks. So each few have a transaction of their own. What somebody holds is left out and named; a lock that
//! comes meanwhile ends in 55P03 after `lock_timeout`, names no relation, and is seen when asked again.

use std::cmp::Ordering;

use postgres::Row;
use postgres::types::{ToSql, Type};
use wire::{Outcome, Reason, Verdict};

use super::share::Sequence;
use crate::collect::part::{Done, Fragment};
use crate::collect::{Cx, Placed};
use crate::pg::failure::{Failure, LOCK_NOT_AVAILABLE};
use crate::pg::rows::{self, Lossy};
use crate::pg::session::Session;

const KEY: &str = "sequences";
const SQL: &str = include_str!("sequences.13.sql");
/// Told, the most used first.
const TOLD: usize = 500;
/// Read in one transaction: locks held at a time.
const FEW: i32 = 250;
/// Read at most.
const MOST: u64 = 20_000;
const MISSES: u32 = 2;

#[derive(Default)]
struct Found {
    rows: Vec<Told>,
    seen: u64,
    hidden: u64,
    locked: Vec<String>,
    missed: bool,
}

struct Told {
    relid: u32,
    /// `None`: not known.
    used_percent: Option<f64>,
    json: Vec<u8>,
}

pub(super) fn run(session: &mut Session, _: &Cx) -> Vec<Placed> {
    let done = all(session).map(Found::done).unwrap_or_else(|failure| failure.done(KEY));
    vec![Placed { database: None, done }]
}

fn all(session: &mut Session) -> Result<Found, Failure> {
    let mut found = Found::default();
    let mut after = 0;
    while found.seen < MOST {
        let few = few(session, after)?;
        // Lets go of what was read.
        session.restart()?;
        let last = few.rows.last().map(|told| told.relid);
        found.take(few);
        match last {
            Some(relid) => after = relid,
            None => break,
        }
    }
    Ok(found)
}

/// The next few by oid.
fn few(session: &mut Session, after: u32) -> Result<Found, Failure> {
    let mut misses = 0;
    loop {
        let mut found = Found { missed: misses == MISSES, ..Found::default() };
        let blind = found.missed;
        let binds: [(&(dyn ToSql + Sync), Type); 3] =
            [(&after, Type::OID), (&FEW, Type::INT4), (&blind, Type::BOOL)];
        let read = session.query("pg_sequences.sequences", SQL, &binds, |row| found.add(row));
        match read {
            Ok(()) => return Ok(found),
            Err(Failure::Sql(e)) if e.code() == Some(&LOCK_NOT_AVAILABLE) && misses < MISSES => {
                misses += 1;
                session.restart()?;
            }
            Err(failure) => return Err(failure),
        }
    }
}

impl Found {
    fn add(&mut self, row: &Row) -> Result<(), Box<dyn std::error::Error + Sync + Send>> {
        let locked = row.try_get::<_, Option<bool>>("locked")?.is_some();
        let hidden = row.try_get::<_, Option<bool>>("last_value_hidden")?.is_some();
        let column_type: Option<Lossy> = row.try_get("column_type")?;
        let sequence = Sequence {
            min: row.try_get("min_value")?,
            max: row.try_get("max_value")?,
            increment: row.try_get("increment")?,
            last: row.try_get("last_value")?,
            start: row.try_get("start_value")?,
            column_type: column_type.as_ref().map(|t| t.0.as_str()),
        };
        let share = sequence.share();
        let mut json = Vec::new();
        rows::fields(row, 0, &mut json)?;
        json.extend(format!(r#","limit_value":{},"limited_by":"{}""#, share.limit, share.limited_by).bytes());
        let known = !locked && !hidden;
        if known {
            json.extend_from_slice(br#","used_percent":"#);
            rows::float(share.used_percent, &mut json);
            if let Ok(remaining) = i64::try_from(share.remaining) {
                json.extend(format!(r#","remaining_values":{remaining}"#).bytes());
            }
        }
        if locked && !self.missed {
            self.locked.push(row.try_get::<_, Lossy>("_name")?.0);
        }
        self.seen += 1;
        self.hidden += u64::from(hidden);
        let used_percent = known.then_some(share.used_percent);
        self.rows.push(Told { relid: row.try_get("relid")?, used_percent, json });
        Ok(())
    }

    fn take(&mut self, few: Found) {
        self.seen += few.seen;
        self.hidden += few.hidden;
        self.missed |= few.missed;
        self.locked.extend(few.locked);
        self.rows.extend(few.rows);
        self.rows.sort_by(most_used_first);
        self.rows.truncate(TOLD);
    }

    fn done(self) -> Done {
        let mut outcome =
            Outcome { rows: self.rows.len() as u64, total: Some(self.seen), ..Outcome::default() };
        if self.hidden > 0 {
            outcome.detail = Some(format!(
                "the role may not read {} of {} sequences: grant select on them to it, or pg_read_all_data",
                self.hidden, self.seen
            ));
        }
        if self.seen >= MOST {
            outcome.verdict = Verdict::Partial;
            outcome.reason = Some(Reason::Other);
            outcome.detail = Some(format!("only the {} oldest sequences were looked at", self.seen));
        }
        if self.missed || !self.locked.is_empty() {
            outcome.verdict = Verdict::Partial;
            outcome.reason = Some(Reason::Lock);
        }
        if self.missed {
            outcome.detail =
                Some("locks came and went while sequences were read: some are left out".to_owned());
        }
        outcome.locked = self.locked;
        let mut json = vec![b'['];
        for (n, told) in self.rows.iter().enumerate() {
            json.extend_from_slice(if n == 0 { b"{" } else { b",{" });
            json.extend_from_slice(&told.json);
            json.push(b'}');
        }
        json.push(b']');
        Done { key: KEY, fragment: Fragment::Value(json), outcome }
    }
}

/// What is not known comes last; oids make the order one.
fn most_used_first(a: &Told, b: &Told) -> Ordering {
    let used = |told: &Told| told.used_percent.unwrap_or(-1.0);
    used(b).total_cmp(&used(a)).then(a.relid.cmp(&b.relid))
}
