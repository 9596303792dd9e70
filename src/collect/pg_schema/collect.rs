//! The run of it: six statements, one digest, and everything only where it is new.
//!
//! The server opens a table to tell an expression of it, and would wait for whoever holds it: such expressions are left
//! out. What is read so has no digest that could be compared, and is told only where nothing was told before.

use wire::{Outcome, Reason, Verdict};

use postgres::types::{ToSql, Type};

use super::content::Content;
use super::mark::{self, Mark};
use crate::collect::part::{Done, Fragment};
use crate::collect::recipient::recipient;
use crate::collect::{Cx, Keep, Placed};
use crate::pg::failure::{Failure, LOCK_NOT_AVAILABLE};
use crate::pg::rows::{self, Lossy};
use crate::pg::session::Session;

const KEY: &str = "schema";
const DATABASE: &str = include_str!("database.13.sql");
/// Columns last: they are the most, and what is too much is left out.
const ARRAYS: [(&str, &str); 6] = [
    ("tables", include_str!("tables.13.sql")),
    ("constraints", include_str!("constraints.13.sql")),
    ("foreign_keys", include_str!("foreign_keys.13.sql")),
    ("indexes", include_str!("indexes.13.sql")),
    ("triggers", include_str!("triggers.13.sql")),
    ("columns", include_str!("columns.13.sql")),
];
/// Of one array.
const MOST_ROWS: i32 = 500_000;
const MISSES: u32 = 2;

pub(super) fn run(session: &mut Session, cx: &Cx) -> Vec<Placed> {
    let done =
        read(session).map(|found| told(session, cx, found)).unwrap_or_else(|failure| failure.done(KEY));
    vec![Placed { database: None, done }]
}

struct Found {
    /// The database's oid.
    database: u32,
    content: Content,
    /// Locks came and went: no expression of some array was read.
    missed: bool,
}

fn read(session: &mut Session) -> Result<Found, Failure> {
    let mut database = 0;
    session.query("pg_schema.database", DATABASE, &[], |row| {
        database = row.try_get(0)?;
        Ok(())
    })?;
    let mut found = Found { database, content: Content::default(), missed: false };
    for (key, sql) in ARRAYS {
        let mut misses = 0;
        loop {
            match array(session, &mut found.content, key, sql, misses == MISSES) {
                Ok(()) => break,
                Err(Failure::Sql(e)) if e.code() == Some(&LOCK_NOT_AVAILABLE) && misses < MISSES => {
                    misses += 1;
                    session.restart()?;
                }
                Err(failure) => return Err(failure),
            }
        }
        found.missed |= misses == MISSES;
    }
    Ok(found)
}

fn array(
    session: &mut Session,
    content: &mut Content,
    key: &str,
    sql: &str,
    blind: bool,
) -> Result<(), Failure> {
    let binds: [(&(dyn ToSql + Sync), Type); 2] = [(&blind, Type::BOOL), (&MOST_ROWS, Type::INT4)];
    let mut found = content.rows(key);
    let mut json = Vec::new();
    let asked = session.query(&format!("pg_schema.{key}"), sql, &binds, |row| {
        json.clear();
        rows::fields(row, 0, &mut json)?;
        found.push(&json);
        if !blind && let Some(Lossy(name)) = row.try_get("_locked")? {
            found.lock(name);
        }
        Ok(())
    });
    match asked {
        Ok(()) => found.close(),
        Err(_) => found.undo(),
    }
    asked
}

fn told(session: &mut Session, cx: &Cx, found: Found) -> Done {
    let Found { database, content, missed } = found;
    let path = mark::path(cx, database);
    let recipient = recipient(cx, "schema");
    let known = Mark::read(&path, cx.memory, recipient);
    let incomplete = missed || !content.locked.is_empty();
    let outcome = outcome(&content, missed);
    let (digest, arrays) = content.finish();
    let fields = match known {
        Some(mark) if incomplete => {
            format!(r#""full":false,"same_as_sequence":{}"#, mark.sequence).into_bytes()
        }
        Some(mark) if mark.digest == digest => {
            format!(r#""digest":"{digest}","full":false,"same_as_sequence":{}"#, mark.sequence).into_bytes()
        }
        _ => {
            let content = Mark::new(digest.clone(), cx.memory.sequence, recipient).encode();
            session.keep = Some(Keep::File { path, content, answered: Vec::new() });
            let mut fields = arrays;
            fields.extend(format!(r#","digest":"{digest}","full":true"#).bytes());
            fields
        }
    };
    Done { key: KEY, fragment: Fragment::Fields(fields), outcome }
}

fn outcome(content: &Content, missed: bool) -> Outcome {
    let mut outcome = Outcome { rows: content.kept, total: Some(content.read), ..Outcome::default() };
    if content.kept < content.read {
        outcome.verdict = Verdict::Partial;
        outcome.reason = Some(Reason::Other);
        outcome.detail =
            Some(format!("too large for one item: {} rows are left out", content.read - content.kept));
    }
    if missed || !content.locked.is_empty() {
        outcome.verdict = Verdict::Partial;
        outcome.reason = Some(Reason::Lock);
    }
    if missed {
        outcome.detail = Some("locks came and went: expressions are left out".to_owned());
    }
    outcome.locked = content.locked.iter().cloned().collect();
    outcome
}
