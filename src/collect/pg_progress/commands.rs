//! Which commands are under way, and the rows of their views, each view an array.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use wire::Outcome;

use crate::collect::part::{Done, Fragment};
use crate::collect::sql::with_missing;
use crate::collect::statement_text::Texts;
use crate::collect::{Cx, Placed, Variant, statement, variant};
use crate::pg::failure::Failure;
use crate::pg::session::Session;

const KEY: &str = "commands";

/// One row for each command, which names it as here.
const UNDER_WAY: &[Variant] = &[
    Variant { since: 13, sql: include_str!("under_way.13.sql") },
    Variant { since: 14, sql: include_str!("under_way.14.sql") },
    Variant { since: 19, sql: include_str!("under_way.19.sql") },
];

struct View {
    name: &'static str,
    tag: &'static str,
    variants: &'static [Variant],
}

const VIEWS: &[View] = &[
    View {
        name: "vacuum",
        tag: "pg_progress.vacuum",
        variants: &[
            Variant { since: 13, sql: include_str!("vacuum.13.sql") },
            Variant { since: 17, sql: include_str!("vacuum.17.sql") },
            Variant { since: 18, sql: include_str!("vacuum.18.sql") },
        ],
    },
    View {
        name: "analyze",
        tag: "pg_progress.analyze",
        variants: &[
            Variant { since: 13, sql: include_str!("analyze.13.sql") },
            Variant { since: 18, sql: include_str!("analyze.18.sql") },
        ],
    },
    View {
        name: "create_index",
        tag: "pg_progress.create_index",
        variants: &[Variant { since: 13, sql: include_str!("create_index.13.sql") }],
    },
    View {
        name: "cluster",
        tag: "pg_progress.cluster",
        variants: &[Variant { since: 13, sql: include_str!("cluster.13.sql") }],
    },
    View {
        name: "repack",
        tag: "pg_progress.repack",
        variants: &[Variant { since: 19, sql: include_str!("repack.19.sql") }],
    },
    View {
        name: "basebackup",
        tag: "pg_progress.basebackup",
        variants: &[Variant { since: 13, sql: include_str!("basebackup.13.sql") }],
    },
    View {
        name: "copy",
        tag: "pg_progress.copy",
        variants: &[
            Variant { since: 14, sql: include_str!("copy.14.sql") },
            Variant { since: 17, sql: include_str!("copy.17.sql") },
        ],
    },
];

/// By view; one that the server has and where nothing is under way is empty.
type Rows = BTreeMap<&'static str, Vec<Box<RawValue>>>;

pub(super) fn run(session: &mut Session, cx: &Cx) -> Vec<Placed> {
    let done = match read(session, cx) {
        Ok((rows, total)) => {
            let told = rows.values().map(Vec::len).sum::<usize>() as u64;
            let missing = VIEWS.iter().flat_map(|view| session.missing(view.tag)).collect();
            let outcome = Outcome { rows: told, total: Some(total), ..Outcome::default() };
            let outcome = with_missing(outcome, missing);
            Done { key: KEY, fragment: Fragment::fields(&rows), outcome }
        }
        Err(failure) => failure.done(KEY),
    };
    vec![Placed { database: None, done }]
}

fn read(session: &mut Session, cx: &Cx) -> Result<(Rows, u64), Failure> {
    let texts = Texts::of(cx.config);
    let major = cx.facts.major();
    let mut under_way = BTreeSet::new();
    let sql = statement(UNDER_WAY, major);
    session.query("pg_progress.under_way", sql, &[], |row| {
        under_way.insert(row.try_get::<_, String>("command")?);
        Ok(())
    })?;
    let (mut rows, mut total) = (Rows::new(), 0);
    for view in VIEWS {
        let Some(variant) = variant(view.variants, major) else { continue };
        let of_view = rows.entry(view.name).or_default();
        if !under_way.contains(view.name) {
            continue;
        }
        let mut all = 0;
        session.query(view.tag, variant.sql, &[], |row| {
            all = row.try_get::<_, i64>("_total")?;
            of_view.push(texts.object(row)?);
            Ok(())
        })?;
        total += all.cast_unsigned();
    }
    Ok((rows, total))
}
