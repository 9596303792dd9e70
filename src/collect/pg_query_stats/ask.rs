//! What a run asks of the server, one function a statement. Owns the SQL and who gets which; knows nothing of ranking.

use std::collections::HashSet;
use std::error::Error;

use postgres::Row;
use postgres::types::Type;

use super::entry::{Entry, Key};
use super::item::Read;
use super::previous::Facts;
use super::texts::{self, Order};
use crate::collect::{Cx, Variant, variant};
use crate::pg::failure::Failure;
use crate::pg::rows::{Lossy, Micros};
use crate::pg::session::{Binds, Session};

/// `since` counts the extension's minor versions.
const INFO: &[Variant] = &[
    Variant { since: 8, sql: include_str!("info.ext1.8.sql") },
    Variant { since: 9, sql: include_str!("info.ext1.9.sql") },
];

const RANK: &[Variant] = &[
    Variant { since: 8, sql: include_str!("rank.ext1.8.sql") },
    Variant { since: 9, sql: include_str!("rank.ext1.9.sql") },
    Variant { since: 11, sql: include_str!("rank.ext1.11.sql") },
];

const ROWS: &[Variant] = &[
    Variant { since: 8, sql: include_str!("rows.ext1.8.sql") },
    Variant { since: 9, sql: include_str!("rows.ext1.9.sql") },
    Variant { since: 10, sql: include_str!("rows.ext1.10.sql") },
    Variant { since: 11, sql: include_str!("rows.ext1.11.sql") },
    Variant { since: 12, sql: include_str!("rows.ext1.12.sql") },
    Variant { since: 13, sql: include_str!("rows.ext1.13.sql") },
];

/// Characters that cannot be converted: the extension then refuses all texts at once.
const NOT_CONVERTIBLE: [&str; 2] = ["22021", "22P05"];

/// The oldest extension that is understood.
pub(super) const OLDEST: u32 = 8;
/// The first that says how often it evicts, and the first whose entries say themselves since when they count.
pub(super) const TELLS_EVICTIONS: u32 = 9;
pub(super) const TELLS_SINCE: u32 = 11;

pub(super) struct Info {
    pub(super) facts: Facts,
    /// The setting to blame, should it turn out that nothing is counted, not even what we ask.
    pub(super) off: Option<&'static str>,
    /// Whom our statements run as: whoever logged in, and pg_monitor where that has to be asked for.
    pub(super) ours: Vec<u32>,
}

pub(super) fn info(session: &mut Session, cx: &Cx, gate: u32) -> Result<Info, Failure> {
    let mut facts = Facts {
        postmaster_start_us: cx.facts.postmaster_start_us,
        stats_reset_us: None,
        dealloc: None,
        taken_at_us: cx.facts.now_us,
    };
    let (mut off, mut ours) = (None, Vec::new());
    let binds: &Binds = &[(&cx.facts.role, Type::TEXT)];
    session.query("pg_query_stats.info", statement(INFO, gate)?, binds, |row| {
        let instant = |n| row.try_get::<_, Option<Micros>>(n).map(|at| at.map(|at| at.0));
        facts.dealloc = row.try_get(0)?;
        facts.stats_reset_us = instant(1)?;
        facts.taken_at_us = instant(2)?.unwrap_or(facts.taken_at_us);
        off = match (row.try_get(3)?, row.try_get(4)?) {
            (Some("off"), _) => Some("compute_query_id = off: set it to on"),
            (_, Some("none")) => Some("pg_stat_statements.track = none: set it to top"),
            (Some("auto"), _) => Some("compute_query_id = auto, but off at the server's start: set it to on"),
            _ => None,
        };
        ours = [row.try_get::<_, Option<u32>>(5)?, row.try_get(6)?].into_iter().flatten().collect();
        Ok(())
    })?;
    Ok(Info { facts, off, ours })
}

pub(super) fn scan(session: &mut Session, gate: u32) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    session.query("pg_query_stats.rank", statement(RANK, gate)?, &[], |row| {
        let since = match row.len() > 6 {
            true => row.try_get::<_, Option<Micros>>(6)?.map(|at| at.0),
            false => None,
        };
        let whose = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        entries.push(Entry::new(row.try_get(0)?, whose, row.try_get(4)?, row.try_get(5)?, since));
        Ok(())
    })?;
    Ok(entries)
}

/// The rows of the chosen, and whether the texts among them were refused as a whole.
pub(super) fn rows(
    session: &mut Session,
    cx: &Cx,
    gate: u32,
    order: &Order,
) -> Result<(Vec<Read>, bool), Failure> {
    if order.queryids.is_empty() {
        return Ok((Vec::new(), false));
    }
    match rows_with(session, cx, gate, order, &order.with_text) {
        Err(failure) if failure.code().is_some_and(|c| NOT_CONVERTIBLE.contains(&c.code())) => {
            session.restart()?;
            let without = vec![false; order.queryids.len()];
            rows_with(session, cx, gate, order, &without).map(|read| (read, true))
        }
        result => result.map(|read| (read, false)),
    }
}

fn rows_with(
    session: &mut Session,
    cx: &Cx,
    gate: u32,
    order: &Order,
    with_text: &[bool],
) -> Result<Vec<Read>, Failure> {
    let mut read = Vec::with_capacity(order.queryids.len());
    let limits = &cx.config.limits;
    let text_bytes = i32::try_from(limits.text_bytes).unwrap_or(i32::MAX);
    let run_bytes = i64::try_from(limits.text_bytes_per_run).unwrap_or(i64::MAX);
    let asked: HashSet<Key> =
        (0..order.queryids.len()).filter(|n| with_text[*n]).map(|n| order.key(n)).collect();
    let binds: &Binds = &[
        (&order.queryids, Type::INT8_ARRAY),
        (&order.dbids, Type::OID_ARRAY),
        (&order.userids, Type::OID_ARRAY),
        (&order.toplevels, Type::BOOL_ARRAY),
        (&with_text, Type::BOOL_ARRAY),
        (&text_bytes, Type::INT4),
        (&run_bytes, Type::INT8),
    ];
    let mut json = Vec::new();
    session.query("pg_query_stats.rows", statement(ROWS, gate)?, binds, |row| {
        json.clear();
        crate::pg::rows::fields(row, 0, &mut json)?;
        read.push(one(row, &json, &asked, limits.text_bytes)?);
        Ok(())
    })?;
    Ok(read)
}

fn one(
    row: &Row,
    json: &[u8],
    asked: &HashSet<Key>,
    text_bytes: usize,
) -> Result<Read, Box<dyn Error + Sync + Send>> {
    let hash: &str = row.try_get("hash")?;
    let key = Key {
        queryid: hash.parse()?,
        dbid: row.try_get("_dbid")?,
        userid: row.try_get("userid")?,
        toplevel: row.try_get("toplevel")?,
    };
    let answer = match asked.contains(&key) {
        true => {
            let text: Option<Lossy> = row.try_get("_text")?;
            Some(texts::read(text.as_ref().map(|t| t.0.as_str()), row.try_get("_text_length")?, text_bytes))
        }
        false => None,
    };
    Ok(Read { key, json: json.into(), answer })
}

fn statement(variants: &'static [Variant], gate: u32) -> Result<&'static str, Failure> {
    let found = variant(variants, gate).map(|v| v.sql);
    found.ok_or_else(|| Failure::Value(format!("no statement for pg_stat_statements 1.{gate}")))
}
