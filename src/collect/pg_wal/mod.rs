//! `pg_wal`: write-ahead log written.
//!
//! The same names on 14 to 18, though 18 keeps writes and syncs elsewhere: those have a reset time of their own.

use super::{Collector, Gather, Part, Run, Scope, Shape, Variant};
use crate::privacy::Class;

pub const PG_WAL: Collector = Collector {
    name: "pg_wal",
    about: "write-ahead log written",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "nothing",
    texts: &[("", Class::Word, "insert_lsn")],
    gather: Gather::Sql(&[WAL]),
};

const WAL: Part = Part {
    key: "wal",
    run: Run::Sql {
        shape: Shape::Fields,
        binds: &[],
        variants: &[
            Variant { since: 14, sql: include_str!("wal.14.sql") },
            Variant { since: 18, sql: include_str!("wal.18.sql") },
            Variant { since: 19, sql: include_str!("wal.19.sql") },
        ],
    },
    ..Part::SERVER
};
