//! Statements, ranked by what grew since the last run: the pure parts and the SQL.
//!
//! Pass 1 (`rank.*.sql`) streams every statement's key and figures into [`entry::Entry`]; [`rank::rank`] chooses; pass 2
//! (`rows.*.sql`) reads all figures of the chosen ones and, for those [`texts::order`] marks, their texts, which
//! [`texts::read`] masks. What the next run compares with goes through [`previous`]. SQL files are gated by the
//! extension's version: `pg_upgrade` keeps an old one on a new server.
//!
//! A run: pass 1, [`previous::read`], [`previous::Previous::void_marks`], `rank`, `order`, pass 2, `texts::read` for each
//! text, `settle`, `learn`, [`rank::Ranking::records`] into [`previous::encode`], which is written once the batch is sealed.
//!
//! Pass 2 with texts can fail as a whole with 22021 or 22P05: one statement of a database in another encoding that cannot
//! be converted makes the extension refuse every text. It then runs again with no `with_text` set; figures never fail so.
//!
//! `hash` is the signed queryid as a string: a JSON number above 2^53 loses its last digits in JavaScript and in jq.

mod ask;
mod collect;
pub mod entry;
pub mod growth;
mod item;
pub mod learn;
pub mod previous;
pub mod rank;
mod settle;
pub mod share;
pub mod texts;

#[cfg(test)]
mod sql_tests;

use super::{Collector, Gather, Need, Part, Run, Scope};
use crate::privacy::Class;

pub const PG_QUERY_STATS: Collector = Collector {
    name: "pg_query_stats",
    about: "statements, those that grew since the last run first",
    scope: Scope::Database,
    every_s: 60,
    enabled: true,
    needs: "pg_stat_statements; pg_read_all_stats for other roles' statements",
    texts: &[
        ("queries[]", Class::Statement, "text"),
        ("queries[]", Class::Name, "user"),
        ("queries[]", Class::Word, "hash standing"),
        ("stats", Class::Word, "ranked_by"),
        ("", Class::Word, "texts_gone[]"),
    ],
    gather: Gather::Sql(&[QUERIES]),
};

const QUERIES: Part = Part {
    key: "queries",
    needs: &[Need::Extension("pg_stat_statements")],
    run: Run::Code(collect::run),
    ..Part::SERVER
};
