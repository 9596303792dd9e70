//! `pg_bloat`: wasted space, estimated from statistics, and whether autovacuum is due.
//!
//! `wasted_bytes` is what a rewrite (VACUUM FULL, REINDEX) would give back: size less what the live rows would take, at the
//! relation's fillfactor. Sizes are those of the last vacuum or analyze, so nothing is opened and no lock is met.
//! `estimate` says what it stands on: `column_statistics`; `column_types`, where all columns are NOT NULL and of fixed
//! width; or why there is none: `never_analyzed`, `statistics_hidden`, `no_statistics`, `access_method`. pg_monitor does
//! not include the right to see column statistics, so that they are hidden is told, and is no alarm. An estimate that
//! hangs on what statistics know badly says `reliable: false`.

mod btree;
mod heap;
mod layout;
mod read;

use super::{Collector, Gather, Part, Run, Scope};
use crate::privacy::Class;

pub const PG_BLOAT: Collector = Collector {
    name: "pg_bloat",
    about: "wasted space, estimated from statistics",
    scope: Scope::Database,
    every_s: 3600,
    enabled: true,
    needs: "pg_read_all_data, or select on the tables, as estimates need their columns' statistics",
    texts: &[
        ("index_bloat[]", Class::Name, "name schema table"),
        ("table_bloat[]", Class::Name, "name schema"),
        ("index_bloat[]", Class::Word, "estimate method"),
        ("table_bloat[]", Class::Word, "estimate kind vacuum_due_for"),
    ],
    gather: Gather::Sql(&[TABLE_BLOAT, INDEX_BLOAT]),
};

const TABLE_BLOAT: Part = Part { key: "table_bloat", run: Run::Code(read::tables), ..Part::DATABASE };

const INDEX_BLOAT: Part = Part { key: "index_bloat", run: Run::Code(read::indexes), ..Part::DATABASE };
