//! `pg_slru`: SLRU caches.
//!
//! 17 renamed them: readers see its names on every version.

use super::{Collector, Gather, Part, Run, Scope, Shape, Variant};
use crate::privacy::Class;

pub const PG_SLRU: Collector = Collector {
    name: "pg_slru",
    about: "SLRU caches",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "nothing",
    texts: &[("slru[]", Class::Word, "name")],
    gather: Gather::Sql(&[SLRU]),
};

const SLRU: Part = Part {
    key: "slru",
    run: Run::Sql {
        shape: Shape::Rows,
        binds: &[],
        variants: &[
            Variant { since: 13, sql: include_str!("slru.13.sql") },
            Variant { since: 17, sql: include_str!("slru.17.sql") },
        ],
    },
    ..Part::SERVER
};
