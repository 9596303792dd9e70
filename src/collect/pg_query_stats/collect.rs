//! The run of it: rank by a pass without texts, read the chosen ones, lay each under its own database.

use std::collections::{BTreeMap, HashSet};
use std::error::Error;

use postgres::Row;
use postgres::types::Type;
use wire::{Outcome, Reason, Verdict};

use super::entry::{Entry, Key};
use super::item::{self, Read};
use super::previous::{self, Facts, Text};
use super::rank::{Ranking, Scope, rank};
use super::texts::{self, Answer, Order};
use super::{INFO, RANK, ROWS, variant};
use crate::collect::part::{Done, Fragment};
use crate::collect::{Cx, Keep, Placed};
use crate::config::Target;
use crate::pg::failure::Failure;
use crate::pg::rows;
use crate::pg::session::{Binds, Session};
use crate::pg::text::quote_identifier;
use crate::push::file::day_file;

const KEY: &str = "queries";
/// Characters that cannot be converted: the extension then refuses all texts at once.
const NOT_CONVERTIBLE: [&str; 2] = ["22021", "22P05"];

pub(super) fn run(session: &mut Session, cx: &Cx) -> Vec<Placed> {
    match collect(session, cx) {
        Ok(placed) => placed,
        Err(failure) => vec![Placed { database: None, done: failure.done(KEY) }],
    }
}

fn collect(session: &mut Session, cx: &Cx) -> Result<Vec<Placed>, Failure> {
    let Some((gate, schema)) = super::gate(cx.facts) else {
        let why = "the extension's version cannot be read: alter extension pg_stat_statements update";
        let done = Done::skipped(KEY, Reason::ExtensionOutdated, why);
        return Ok(vec![Placed { database: None, done }]);
    };
    session.schema = schema;
    let path = cx.memory.state_dir.join("previous").join(format!("{}.bin", cx.facts.system_identifier));
    let target = target(cx);
    let before = info(session, cx, gate)?;
    let mut entries = scan(session, gate)?;
    // From 1.11 on every entry says since when it counts; before, an eviction during the scan must not hide.
    let after = if gate >= 11 { before } else { info(session, cx, gate)? };
    let previous = previous::read(&path).map(|mut previous| {
        previous.void_marks(target, &cx.memory.lost_sequences, before.taken_at_us);
        previous
    });
    let wanted = wanted(cx);
    let watched = watched(cx);
    let oids: Vec<u32> = watched.iter().map(|(oid, _)| *oid).collect();
    let scope = Scope { watched: &oids, limit: cx.config.limits.queries as usize, wanted: &wanted };
    let ranking = rank(&mut entries, previous.as_ref(), &after, &scope);
    let mut order = texts::order(&ranking.chosen, &wanted);
    if !cx.config.privacy.query_text {
        order.with_text.fill(false);
    }
    let (read, texts_refused) = read_chosen(session, cx, gate, &order)?;
    let learned: Vec<(i64, Text)> = read
        .iter()
        .filter_map(|r| Some((r.key.queryid, r.answer.as_ref()?.mark(cx.memory.sequence))))
        .collect();
    session.keep = Some(Keep {
        path,
        answered: item::answered(cx, &read, &ranking.texts_gone),
        content: previous::encode(&before, target, entries.len(), ranking.records(&entries, learned)),
    });
    Ok(place(cx, &ranking, read, &watched, texts_refused))
}

/// Marks of sent texts count for one target: a file of another day, and whoever reads stdout, has none of them.
fn target(cx: &Cx) -> u64 {
    let url = &cx.config.backend.url;
    match &cx.config.backend.target {
        Target::Http(_) => crate::collect::schedule::seed(&[url]),
        Target::File(_) => crate::collect::schedule::seed(&[url, &day_file(cx.memory.now)]),
        Target::Stdout => crate::collect::schedule::seed(&[url, &cx.memory.sequence.to_string()]),
    }
}

fn wanted(cx: &Cx) -> Vec<i64> {
    let wants = cx.memory.wants.iter().filter(|want| item::is_for(cx, want));
    wants.filter_map(|want| want.queryid.parse().ok()).collect()
}

/// The watched databases that exist, by oid.
fn watched<'a>(cx: &Cx<'a>) -> Vec<(u32, &'a str)> {
    let known = cx.facts.databases.iter().filter(|d| cx.databases.contains(&d.name));
    known.map(|d| (d.oid, d.name.as_str())).collect()
}

fn info(session: &mut Session, cx: &Cx, gate: u32) -> Result<Facts, Failure> {
    let mut facts = Facts {
        postmaster_start_us: cx.facts.postmaster_start_us,
        stats_reset_us: None,
        dealloc: None,
        taken_at_us: cx.facts.now_us,
    };
    if let Some(sql) = variant(INFO, gate) {
        session.query("pg_query_stats.info", sql, &[], |row| {
            facts.dealloc = row.try_get(0)?;
            facts.stats_reset_us = row.try_get::<_, Option<rows::Micros>>(1)?.map(|at| at.0);
            Ok(())
        })?;
    }
    Ok(facts)
}

fn scan(session: &mut Session, gate: u32) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    let Some(sql) = variant(RANK, gate) else { return Ok(entries) };
    session.query("pg_query_stats.rank", sql, &[], |row| {
        let since = match row.len() > 6 {
            true => row.try_get::<_, Option<rows::Micros>>(6)?.map(|at| at.0),
            false => None,
        };
        let whose = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        entries.push(Entry::new(row.try_get(0)?, whose, row.try_get(4)?, row.try_get(5)?, since));
        Ok(())
    })?;
    Ok(entries)
}

/// The rows of the chosen, and whether the texts among them were refused as a whole.
fn read_chosen(
    session: &mut Session,
    cx: &Cx,
    gate: u32,
    order: &Order,
) -> Result<(Vec<Read>, bool), Failure> {
    match read_once(session, cx, gate, order, &order.with_text) {
        Err(failure) if failure.code().is_some_and(|c| NOT_CONVERTIBLE.contains(&c.code())) => {
            session.restart()?;
            let without = vec![false; order.queryids.len()];
            read_once(session, cx, gate, order, &without).map(|read| (read, true))
        }
        result => result.map(|read| (read, false)),
    }
}

fn read_once(
    session: &mut Session,
    cx: &Cx,
    gate: u32,
    order: &Order,
    with_text: &[bool],
) -> Result<Vec<Read>, Failure> {
    let mut read = Vec::with_capacity(order.queryids.len());
    let Some(sql) = variant(ROWS, gate).filter(|_| !order.queryids.is_empty()) else { return Ok(read) };
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
    session.query("pg_query_stats.rows", sql, binds, |row| {
        read.push(one(row, &asked, limits.text_bytes)?);
        Ok(())
    })?;
    Ok(read)
}

fn one(row: &Row, asked: &HashSet<Key>, text_bytes: usize) -> Result<Read, Box<dyn Error + Sync + Send>> {
    let hash: &str = row.try_get("hash")?;
    let key = Key {
        queryid: hash.parse()?,
        dbid: row.try_get("_dbid")?,
        userid: row.try_get("userid")?,
        toplevel: row.try_get("toplevel")?,
    };
    let answer = match asked.contains(&key) {
        true => {
            let text: Option<rows::Lossy> = row.try_get("_text")?;
            Some(texts::read(text.as_ref().map(|t| t.0.as_str()), row.try_get("_text_length")?, text_bytes))
        }
        false => None,
    };
    let mut json = Vec::with_capacity(1024);
    rows::fields(row, 0, &mut json)?;
    Ok(Read { key, json, answer })
}

fn place(
    cx: &Cx,
    ranking: &Ranking,
    read: Vec<Read>,
    watched: &[(u32, &str)],
    texts_refused: bool,
) -> Vec<Placed> {
    let mut by_database: BTreeMap<u32, Vec<Read>> = BTreeMap::new();
    for row in read.into_iter().filter(|row| row.answer != Some(Answer::Own)) {
        by_database.entry(row.key.dbid).or_default().push(row);
    }
    let growth = item::growth(ranking);
    let mut placed = Vec::new();
    let mut collected = 0;
    for (oid, name) in watched {
        log::debug!("Collecting query stats for database: {name}");
        let rows = by_database.remove(oid).unwrap_or_default();
        log::debug!("Successfully collected {} queries from {name}", rows.len());
        collected += rows.len();
        let share = ranking.databases.iter().find(|(dbid, _)| dbid == oid).map(|(_, share)| share);
        let mut outcome = Outcome { rows: rows.len() as u64, ..Outcome::default() };
        outcome.total = share.map(|s| s.present.statements);
        if texts_refused {
            outcome.verdict = Verdict::Partial;
            outcome.reason = Some(Reason::Other);
            outcome.detail = Some("a statement's text cannot be converted to UTF-8: figures only".to_owned());
        }
        let json = item::fields(cx, ranking, share, rows, &growth);
        let done = Done { key: KEY, fragment: Fragment::Fields(json), outcome };
        placed.push(Placed { database: Some((*name).to_owned()), done });
    }
    for gone in cx.databases.iter().filter(|d| watched.iter().all(|(_, name)| name != d)) {
        let done = Done::skipped(KEY, Reason::DatabaseDropped, "the server has no such database");
        placed.push(Placed { database: Some(gone.clone()), done });
    }
    let server = &ranking.server;
    log::info!(
        "Query stats: {collected} queries collected, limit={}, collected={collected}, total={}, sampling_percent={:.1}",
        cx.config.limits.queries,
        server.present.statements,
        item::percent(collected as u64, server.present.statements)
    );
    placed
}

/// The extension's minor version as files are gated by it, and its schema, quoted.
pub(super) fn gate_of(version: &str, schema: &str) -> Option<(u32, String)> {
    let (major, minor) = version.split_once('.')?;
    let minor: u32 = minor.parse().ok()?;
    let gate = if major == "1" { minor } else { u32::MAX };
    (gate >= 8).then(|| (gate, quote_identifier(schema)))
}
