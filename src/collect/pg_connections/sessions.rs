//! The reading: a row for each session.

use std::error::Error;

use postgres::Row;
use serde_json::value::RawValue;
use wire::Outcome;

use super::figures::{Figures, Room};
use crate::collect::part::{Done, Fragment};
use crate::collect::sql::with_missing;
use crate::collect::statement_text::Texts;
use crate::collect::{Cx, Placed, Variant, statement};
use crate::pg::failure::Failure;
use crate::pg::rows;
use crate::pg::session::Session;

const KEY: &str = "sessions";
const TAG: &str = "pg_connections.sessions";
const SQL: &[Variant] = &[
    Variant { since: 13, sql: include_str!("sessions.13.sql") },
    Variant { since: 14, sql: include_str!("sessions.14.sql") },
];

/// What is counted of a session, and its columns as they go out, if it is one to be listed.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) pid: i32,
    pub(super) database: Option<String>,
    pub(super) user: Option<String>,
    pub(super) application: Option<String>,
    /// Hidden from a role that may not look at the session, as are state and waits.
    pub(super) backend_type: Option<String>,
    pub(super) state: Option<String>,
    pub(super) wait: Option<(String, String)>,
    pub(super) transaction_ms: Option<f64>,
    pub(super) xmin_age: Option<i32>,
    pub(super) told: Option<Box<RawValue>>,
}

pub(super) fn run(session: &mut Session, cx: &Cx) -> Vec<Placed> {
    let done = match read(session, cx) {
        Ok((seen, room)) => {
            let outcome = Outcome { rows: seen.len() as u64, ..Outcome::default() };
            let outcome = with_missing(outcome, session.missing(TAG));
            Done { key: KEY, fragment: Fragment::fields(&Figures::of(seen, room)), outcome }
        }
        Err(failure) => failure.done(KEY),
    };
    vec![Placed { database: None, done }]
}

fn read(session: &mut Session, cx: &Cx) -> Result<(Vec<Seen>, Option<Room>), Failure> {
    let texts = Texts::of(cx.config);
    let sql = statement(SQL, cx.facts.major());
    let (mut all, mut room) = (Vec::new(), None);
    session.query(TAG, sql, &[], |row| {
        room = Some(Room {
            max_connections: row.try_get("_max_connections")?,
            superuser_reserved_connections: row.try_get("_superuser_reserved")?,
            reserved_connections: row.try_get("_reserved")?,
        });
        all.push(seen(row, texts)?);
        Ok(())
    })?;
    Ok((all, room))
}

fn seen(row: &Row, texts: Texts) -> Result<Seen, Box<dyn Error + Sync + Send>> {
    let text = |name| rows::optional_text(row, name);
    let transaction_ms: Option<f64> = rows::optional(row, "duration_ms")?;
    let state = text("state")?;
    // One that failed has no beginning any more.
    let in_transaction =
        transaction_ms.is_some() || state.as_deref().is_some_and(|s| s.starts_with("idle in "));
    let told = if in_transaction && row.try_get("_told")? { Some(texts.object(row)?) } else { None };
    Ok(Seen {
        pid: row.try_get("pid")?,
        database: text("database")?,
        user: text("user")?,
        application: text("application")?,
        backend_type: text("backend_type")?,
        state,
        wait: text("wait_event_type")?.zip(text("wait_event")?),
        transaction_ms,
        xmin_age: rows::optional(row, "xmin_age")?,
        told,
    })
}
