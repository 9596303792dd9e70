//! `pg_cache`: cache hits of tables and indexes.
//!
//! Counters since `stats_reset`, and so are the percentages: a reader who wants those of an interval derives them from
//! two items. A percentage is absent where nothing was read; toast and index figures are absent where there is none.
//! "Read" asks the operating system, whose own cache may answer.

use super::{Bind, Collector, Gather, Part, Run, Scope, Shape, Variant};
use crate::privacy::Class;

pub const PG_CACHE: Collector = Collector {
    name: "pg_cache",
    about: "cache hits of tables and indexes",
    scope: Scope::Database,
    every_s: 300,
    enabled: true,
    needs: "nothing",
    texts: &[
        ("index_cache_hit[]", Class::Name, "name schema table"),
        ("table_cache_hit[]", Class::Name, "name schema"),
        ("table_cache_hit[]", Class::Word, "kind"),
    ],
    gather: Gather::Sql(&[TABLE_CACHE_HIT, INDEX_CACHE_HIT]),
};

const TABLE_CACHE_HIT: Part = Part {
    key: "table_cache_hit",
    run: Run::Sql {
        shape: Shape::Rows,
        binds: &[Bind::TablesLimit],
        variants: &[Variant { since: 13, sql: include_str!("table_cache_hit.13.sql") }],
    },
    ..Part::DATABASE
};

const INDEX_CACHE_HIT: Part = Part {
    key: "index_cache_hit",
    run: Run::Sql {
        shape: Shape::Rows,
        binds: &[Bind::IndexesLimit],
        variants: &[Variant { since: 13, sql: include_str!("index_cache_hit.13.sql") }],
    },
    ..Part::DATABASE
};
