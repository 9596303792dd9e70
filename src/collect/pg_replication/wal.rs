//! `wal_status`: where WAL stands, what lies in pg_wal where the role may look there, and how fast it grows.

use wire::{Outcome, Reason, Verdict};

use super::growth::{self, Position};
use crate::collect::part::{Done, Fragment, fields};
use crate::collect::{Cx, Placed};
use crate::pg::failure::Failure;
use crate::pg::rows;
use crate::pg::session::Session;

pub(super) const KEY: &str = "wal_status";
/// What tells what lies in pg_wal.
pub(super) const DIRECTORY: &str = "pg_catalog.pg_ls_waldir()";

const STATUS: (&str, &str) = ("pg_replication.wal_status", include_str!("wal_status.13.sql"));
const POSITION: (&str, &str) = ("pg_replication.wal_position", include_str!("wal_position.13.sql"));

pub(super) fn run(session: &mut Session, cx: &Cx) -> Vec<Placed> {
    let listed = cx.facts.may.objects.get(DIRECTORY) == Some(&true);
    let done = match read(session, if listed { STATUS } else { POSITION }) {
        Ok((json, now)) => finished(session, cx, json, now),
        Err(failure) => failure.done(KEY),
    };
    vec![Placed { database: None, done }]
}

fn read(session: &mut Session, (tag, sql): (&str, &str)) -> Result<(Vec<u8>, Position), Failure> {
    let mut found = None;
    session.query(tag, sql, &[], |row| {
        let mut json = vec![b'{'];
        rows::fields(row, 0, &mut json)?;
        let now = Position {
            timeline: row.try_get("timeline")?,
            in_recovery: row.try_get("_in_recovery")?,
            bytes: row.try_get("position_bytes")?,
            at_us: row.try_get("_now_us")?,
        };
        found = Some((json, now));
        Ok(())
    })?;
    found.ok_or_else(|| Failure::Value("the position of WAL brought no row".to_owned()))
}

fn finished(session: &mut Session, cx: &Cx, mut json: Vec<u8>, now: Position) -> Done {
    let mut outcome = Outcome { rows: 1, ..Outcome::default() };
    match growth::growth(growth::read(cx), now) {
        Ok(growth) => {
            json.push(b',');
            json.extend_from_slice(&fields(&growth));
        }
        Err(why) => {
            outcome.verdict = Verdict::Partial;
            outcome.reason = Some(Reason::FirstRun);
            outcome.detail = Some(why.to_owned());
        }
    }
    json.push(b'}');
    session.keep = Some(growth::keep(cx, now));
    Done { key: KEY, fragment: Fragment::Value(json), outcome }
}
