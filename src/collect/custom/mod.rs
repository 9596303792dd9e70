//! `custom`: the operator's own queries, from `[[custom]]` of the configuration.
//!
//! Each is a part of its own. It runs as a subquery of ours, in a read-only transaction that is rolled back behind it: it
//! writes nothing, it is one statement, and what it sets is gone. That does not stop a function that acts on something
//! else than this database's data, such as `pg_terminate_backend()` or `dblink()`.

mod answer;

use std::time::Duration;

use wire::{Outcome, Reason, Verdict};

use super::mask::lex::{Kind, Lexer};
use super::part::{Done, Fragment};
use super::{At, Collector, Every, Gather, Part, Run, Scope};
use crate::pg::failure::Failure;
use crate::pg::rows::Lossy;
use crate::pg::session::Session;
use answer::Answer;

pub const CUSTOM: Collector = Collector {
    name: "custom",
    about: "your own read-only SQL, from [[custom]]",
    scope: Scope::Server,
    every_s: 300,
    enabled: true,
    needs: "what its queries read; functions that act (pg_terminate_backend, dblink) are not stopped",
    texts: &[],
    gather: Gather::Configured(|config| config.custom),
};

const SQL: &str = include_str!("rows.13.sql");

/// Words that an item has of its own.
const TAKEN: &[&str] = &["type", "timestamp", "server", "database", "outcome", "took_ms", "parts"];

const LONGEST_ROW_BYTES: usize = 64 << 10;
const LONGEST_BYTES: usize = 1 << 20;

/// One `[[custom]]`.
pub struct Query {
    pub sql: String,
    pub timeout: Duration,
    pub max_rows: u32,
}

/// Why a query cannot bear this name; it becomes a key of the item.
pub fn objection(name: &str) -> Option<&'static str> {
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match () {
        () if !begins || !name.chars().all(plain) || name.len() > 63 => {
            Some("must be 1 to 63 of a to z, 0 to 9 and _, and begin with a letter")
        }
        () if TAKEN.contains(&name) => Some("is a word that each item has already: choose another"),
        () => None,
    }
}

/// The part of one query. What it is made of is leaked: parts are constants everywhere, these are read once, and the
/// process ends within the minute.
pub fn part(name: String, query: Query, at: At, every: Duration) -> Part {
    Part {
        key: String::leak(name),
        at,
        every: Every::Seconds(every.as_secs()),
        run: Run::Custom(Box::leak(Box::new(query))),
        ..Part::SERVER
    }
}

/// The longest that any of them may take.
pub fn longest(parts: &[Part]) -> Duration {
    let timeouts = parts.iter().filter_map(|part| match part.run {
        Run::Custom(query) => Some(query.timeout),
        Run::Sql { .. } | Run::Code(_) | Run::Told(_) => None,
    });
    timeouts.max().unwrap_or_default()
}

/// The session has to be restarted afterwards: see [`Session::foreign`].
pub fn run(session: &mut Session, key: &'static str, query: &Query) -> Done {
    let mut answer = Answer::default();
    let tag = format!("custom.{key}");
    let asked = session.foreign(&tag, SQL, &fill(query), query.timeout, |row| {
        let line: Option<Lossy> = row.try_get(0)?;
        answer.take(line.as_ref().map(|line| line.0.as_str()), row.try_get(1)?, query.max_rows)
    });
    match asked {
        Ok(()) => answer.done(key, query.max_rows),
        Err(failure) => Done { key, fragment: Fragment::Nothing, outcome: outcome(&failure, query) },
    }
}

/// What stands for the placeholders; the operator's text last, as it may hold anything.
fn fill(query: &Query) -> [(&'static str, String); 4] {
    [
        // One more than is kept tells that there are more.
        (":max_rows", (u64::from(query.max_rows) + 1).to_string()),
        (":row_bytes", LONGEST_ROW_BYTES.to_string()),
        (":all_bytes", LONGEST_BYTES.to_string()),
        (":sql", statement(&query.sql).to_owned()),
    ]
}

/// Without the semicolon and the comments that it may end in.
fn statement(sql: &str) -> &str {
    let (mut at, mut end) = (0, 0);
    for (kind, piece) in Lexer::new(sql) {
        at += piece.len();
        // A comment that is never closed is for the server to complain of.
        let closed = kind == Kind::Comment && (piece.starts_with("--") || piece.ends_with("*/"));
        if !(closed || piece == ";" || piece.trim().is_empty()) {
            end = at;
        }
    }
    &sql[..end]
}

/// A query of the operator's that does not run is a failure, whatever the error: nothing of it depends on the server's
/// version by design. Locks on the operator's tables say nothing of the catalogs.
fn outcome(failure: &Failure, query: &Query) -> Outcome {
    let found = failure.outcome();
    let detail = found.detail.as_deref().unwrap_or_default();
    let more = match found.sqlstate.as_deref() {
        Some("42P01" | "42883" | "42704") => ": names need their schema, as search_path is pg_catalog alone",
        Some("57014") if found.reason == Some(Reason::Timeout) => {
            let detail = format!("{detail} (timeout_ms = {})", query.timeout.as_millis());
            return Outcome { detail: Some(detail), ..found };
        }
        Some("42601") => ": one select, or values, that stands as a subquery",
        _ => "",
    };
    match (found.verdict, found.reason) {
        (Verdict::Skipped, Some(Reason::Version | Reason::NotApplicable)) => Outcome {
            verdict: Verdict::Failed,
            reason: Some(Reason::Other),
            detail: Some(format!("{detail}{more}")),
            ..found
        },
        (Verdict::Skipped, Some(Reason::Lock)) => Outcome { verdict: Verdict::Failed, ..found },
        _ if found.sqlstate.is_some() => Outcome { detail: Some(format!("{detail}{more}")), ..found },
        _ => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_be_a_key() {
        for good in ["a", "orders_open", "x9", &"a".repeat(63)] {
            assert_eq!(objection(good), None, "{good}");
        }
        for bad in ["", "9a", "_a", "Orders", "a-b", "ä", "a b", "a\"", &"a".repeat(64), "type", "parts"] {
            assert!(objection(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn the_end_of_a_statement_may_be_a_semicolon_and_comments() {
        for (sql, kept) in [
            ("select 1;", "select 1"),
            ("select 1 ; -- all; of it\n", "select 1"),
            ("select 1 /* ; */ ;; ", "select 1"),
            ("select ';--' -- x", "select ';--'"),
            ("select $$;$$;", "select $$;$$"),
            ("select 1; select 2;", "select 1; select 2"),
            ("select \";\";", "select \";\""),
            (" ; -- nothing", ""),
            ("select 1 /* ;", "select 1 /* ;"),
        ] {
            assert_eq!(statement(sql), kept);
        }
    }
}
