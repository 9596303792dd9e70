//! Statements, ranked by what grew since the last run: the pure parts and the SQL.
//!
//! Pass 1 (`rank.*.sql`) streams every statement's key and figures into [`entry::Entry`]; [`rank::rank`] chooses; pass 2
//! (`rows.*.sql`) reads all figures of the chosen ones and, for those [`texts::order`] marks, their texts, which
//! [`texts::read`] masks. What the next run compares with goes through [`previous`]. SQL files are gated by the
//! extension's version: `pg_upgrade` keeps an old one on a new server.
//!
//! A run: [`previous::read`], [`previous::Previous::void_marks`], pass 1, `rank`, `order`, pass 2, `texts::read` for each
//! text, the batch is sealed, then [`rank::Ranking::records`] into [`previous::write`].
//!
//! Pass 2 with texts can fail as a whole with 22021 or 22P05: one statement of a database in another encoding that cannot
//! be converted makes the extension refuse every text. It then runs again with no `with_text` set; figures never fail so.
//!
//! `hash` is the signed queryid as a string: a JSON number above 2^53 loses its last digits in JavaScript and in jq.

mod collect;
pub mod entry;
pub mod growth;
mod item;
pub mod mask;
pub mod previous;
pub mod rank;
pub mod share;
pub mod texts;

#[cfg(test)]
mod sql_tests;

use super::{At, Collector, Every, Gather, Needs, Part, Run, Scope, Variant};
use crate::pg::probe::Facts;

pub const PG_QUERY_STATS: Collector = Collector {
    name: "pg_query_stats",
    about: "statements, those that grew since the last run first",
    scope: Scope::Database,
    every_s: 60,
    enabled: true,
    needs: "pg_stat_statements; pg_read_all_stats for other roles' statements",
    gather: Gather::Sql(&[QUERIES]),
};

const QUERIES: Part = Part {
    key: "queries",
    at: At::Server,
    every: Every::Time,
    needs: Needs::Extension("pg_stat_statements"),
    run: Run::Code(collect::run),
};

/// `since` counts the extension's minor versions.
const INFO: &[Variant] = &[Variant { since: 9, sql: include_str!("info.ext1.9.sql") }];

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
];

fn variant(variants: &'static [Variant], gate: u32) -> Option<&'static str> {
    super::variant(variants, gate).map(|v| v.sql)
}

/// The extension's minor version, by which files are gated, and its schema, quoted.
fn gate(facts: &Facts) -> Option<(u32, String)> {
    let extension = facts.extension("pg_stat_statements")?;
    collect::gate_of(&extension.version, &extension.schema)
}
