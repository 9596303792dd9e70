//! The run of it: rank by a pass without texts, read the chosen ones, lay each under its own database.

use std::collections::BTreeMap;
use std::path::PathBuf;

use wire::{Outcome, Reason, Verdict};

use super::ask::{self, OLDEST, TELLS_EVICTIONS, TELLS_SINCE};
use super::item::{self, Read};
use super::learn::learn;
use super::previous;
use super::rank::{Ranking, Scope, rank};
use super::settle::settle;
use super::texts;
use crate::collect::part::{Done, Fragment};
use crate::collect::recipient::recipient;
use crate::collect::{Cx, Keep, Placed};
use crate::pg::failure::Failure;
use crate::pg::probe::Extension;
use crate::pg::session::Session;

const KEY: &str = "queries";
const EXTENSION: &str = "pg_stat_statements";

pub(super) fn run(session: &mut Session, cx: &Cx) -> Vec<Placed> {
    let everywhere = |done| vec![Placed { database: None, done }];
    match gate(cx.facts.extension(EXTENSION)) {
        Err(outcome) => everywhere(Done { key: KEY, fragment: Fragment::Nothing, outcome }),
        Ok((gate, schema)) => {
            session.schema = schema;
            collect(session, cx, gate).unwrap_or_else(|failure| everywhere(failed(&failure)))
        }
    }
}

/// The extension's minor version, by which statements are gated, and its schema, quoted.
fn gate(extension: Option<&Extension>) -> Result<(u32, String), Outcome> {
    let Some(Extension { version, schema, .. }) = extension else {
        return Err(Outcome::skipped(Reason::ExtensionAbsent));
    };
    let numbers = version.split_once('.').and_then(|(a, b)| Some((a.parse::<u32>().ok()?, b.parse().ok()?)));
    match numbers {
        Some((1, minor)) if minor >= OLDEST => Ok((minor, schema.clone())),
        Some((major, _)) if major > 1 => Ok((u32::MAX, schema.clone())),
        _ => {
            let why =
                format!("{EXTENSION} is {version}, 1.{OLDEST} is needed: alter extension {EXTENSION} update");
            Err(Outcome::skipped(Reason::ExtensionOutdated).detail(why))
        }
    }
}

/// An extension whose library the server has not loaded is as good as none.
fn failed(failure: &Failure) -> Done {
    match failure.code() {
        Some(code) if code.code() == "55000" => {
            let why = format!("add {EXTENSION} to shared_preload_libraries and restart the server");
            let outcome = Outcome::skipped(Reason::ExtensionAbsent).detail(why);
            let outcome = Outcome { sqlstate: Some("55000".to_owned()), ..outcome };
            Done { key: KEY, fragment: Fragment::Nothing, outcome }
        }
        _ => failure.done(KEY),
    }
}

fn collect(session: &mut Session, cx: &Cx, gate: u32) -> Result<Vec<Placed>, Failure> {
    let target = target(cx);
    let info = ask::info(session, cx, gate)?;
    let before = info.facts;
    let mut entries = ask::scan(session, gate)?;
    // Before every entry says since when it counts, an eviction during the scan must not hide.
    let after = match gate {
        TELLS_EVICTIONS..TELLS_SINCE => ask::info(session, cx, gate)?.facts,
        _ => before,
    };
    let previous = previous::read(&path(cx)).map(|mut previous| {
        previous.void_marks(target, &cx.memory.lost_sequences, before.taken_at_us);
        previous
    });
    let wanted = wanted(cx);
    let watched = watched(cx);
    let oids: Vec<u32> = watched.iter().map(|(oid, _)| *oid).collect();
    let scope =
        Scope { watched: &oids, limit: cx.config.limits.queries as usize, wanted: &wanted, ours: &info.ours };
    let mut ranking = rank(&mut entries, previous.as_ref(), &after, &scope);
    let order = texts::order(&ranking.chosen, &wanted);
    let (mut read, refused) = ask::rows(session, cx, gate, &order)?;
    let own = settle(&mut ranking, &mut read);
    let learned = learn(&ranking.chosen, &mut read, &wanted, own, cx.memory.sequence);
    session.keep = Some(Keep::File {
        path: path(cx),
        answered: item::answered(cx, &read, &ranking.texts_gone),
        content: previous::encode(&before, target, entries.len(), ranking.records(&entries, &learned)),
    });
    let texts_refused = refused && cx.config.privacy.query_text;
    Ok(place(cx, &ranking, read, &watched, hindrance(&ranking, info.off, texts_refused)))
}

/// A primary and its standby share the identifier and count statements each for itself: the name tells them apart.
fn path(cx: &Cx) -> PathBuf {
    cx.kept("previous", ".bin")
}

/// Texts that were read while none was to leave, nobody has.
fn target(cx: &Cx) -> u64 {
    recipient(cx, if cx.config.privacy.query_text { "texts" } else { "no texts" })
}

fn wanted(cx: &Cx) -> Vec<i64> {
    let wants = cx.memory.wants.iter().filter(|want| cx.config.privacy.query_text && item::is_for(cx, want));
    wants.filter_map(|want| want.queryid.parse().ok()).collect()
}

/// The watched databases that exist, by oid.
fn watched<'a>(cx: &Cx<'a>) -> Vec<(u32, &'a str)> {
    let known = cx.facts.databases.iter().filter(|d| cx.databases.contains(&d.name));
    known.map(|d| (d.oid, d.name.as_str())).collect()
}

/// What keeps the items from saying all they should. Where not even our own statements count, nothing does.
fn hindrance(ranking: &Ranking, off: Option<&str>, texts_refused: bool) -> Option<String> {
    let idle = ranking.server.weighed.calls + ranking.server.own.calls == 0;
    let off = off.filter(|_| idle).map(|setting| format!("no statement was counted: {setting}"));
    let refused = "a statement's text cannot be converted to UTF-8: figures only";
    off.or_else(|| texts_refused.then(|| refused.to_owned()))
}

fn place(
    cx: &Cx,
    ranking: &Ranking,
    read: Vec<Read>,
    watched: &[(u32, &str)],
    hindrance: Option<String>,
) -> Vec<Placed> {
    let mut by_database: BTreeMap<u32, Vec<Read>> = BTreeMap::new();
    for row in read {
        by_database.entry(row.key.dbid).or_default().push(row);
    }
    let growth = item::growth(ranking);
    let mut gone = ranking.texts_gone.as_slice();
    let mut placed = Vec::new();
    let mut collected = 0;
    for (oid, name) in watched {
        log::debug!("Collecting query stats for database: {name}");
        let rows = by_database.remove(oid).unwrap_or_default();
        log::debug!("Successfully collected {} queries from {name}", rows.len());
        collected += rows.len();
        let share = ranking.databases.iter().find(|(dbid, _)| dbid == oid).map(|(_, share)| share);
        let total = Some(share.map_or(0, |s| s.present.statements));
        let mut outcome = Outcome { rows: rows.len() as u64, total, ..Outcome::default() };
        if !cx.facts.monitor && share.is_some_and(|s| s.unreadable > 0) {
            outcome.verdict = Verdict::Partial;
            outcome.reason = Some(Reason::Privilege);
            outcome.detail =
                Some("statements of other roles are hidden: grant pg_monitor to this role".to_owned());
        }
        if let Some(why) = &hindrance {
            outcome.verdict = Verdict::Partial;
            outcome.reason = Some(Reason::Other);
            outcome.detail = Some(why.clone());
        }
        let json = item::fields(cx, ranking, share, rows, &growth, std::mem::take(&mut gone));
        let done = Done { key: KEY, fragment: Fragment::Fields(json), outcome };
        placed.push(Placed { database: Some((*name).to_owned()), done });
    }
    for gone in cx.databases.iter().filter(|d| watched.iter().all(|(_, name)| name != d)) {
        let done = Done::skipped(KEY, Reason::DatabaseDropped, "the server has no such database");
        placed.push(Placed { database: Some(gone.clone()), done });
    }
    summary(cx, ranking, collected as u64);
    placed
}

/// Scripts match it. The total counts every database's statements, watched or not.
fn summary(cx: &Cx, ranking: &Ranking, collected: u64) {
    let (limit, total) = (cx.config.limits.queries, ranking.server.present.statements);
    let percent = item::percent(collected, total);
    log::info!(
        "Query stats: {collected} queries collected, limit={limit}, collected={collected}, total={total}, sampling_percent={percent:.1}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_go_by_the_extensions_version() {
        let gate_of = |version: &str| {
            let (name, schema) = (EXTENSION.to_owned(), "\"Odd\"".to_owned());
            gate(Some(&Extension { name, version: version.to_owned(), schema }))
        };
        for (version, expected) in [("1.8", 8), ("1.12", 12), ("1.99", 99), ("2.0", u32::MAX)] {
            assert_eq!(gate_of(version), Ok((expected, "\"Odd\"".to_owned())), "{version}");
        }
        for version in ["1.7", "0.9", "1", "", "1.x", "unpackaged"] {
            let outcome = gate_of(version).unwrap_err();
            assert_eq!(outcome.reason, Some(Reason::ExtensionOutdated), "{version}");
            assert!(outcome.detail.unwrap().contains("alter extension pg_stat_statements update"));
        }
        assert_eq!(gate(None).unwrap_err().reason, Some(Reason::ExtensionAbsent));
    }
}
