//! `pg_io`: input and output by kind of process, and what of it is under way.
//!
//! Counters of pg_stat_io under the same names on every version that has it: where it counts in blocks (16 and 17),
//! bytes are computed. A kind of process that did nothing yet has no row.

use super::{Collector, Gather, Need, Part, Run, Scope, Shape, Variant};
use crate::privacy::Class;

pub const PG_IO: Collector = Collector {
    name: "pg_io",
    about: "input and output by kind of process",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "pg_read_all_stats for I/O under way (18)",
    texts: &[
        ("aios[]", Class::Word, "operation state target"),
        ("io[]", Class::Word, "backend_type context object"),
    ],
    gather: Gather::Sql(&[IO, AIOS]),
};

const IO: Part = Part {
    key: "io",
    run: Run::Sql {
        shape: Shape::Rows,
        binds: &[],
        variants: &[
            Variant { since: 16, sql: include_str!("io.16.sql") },
            Variant { since: 18, sql: include_str!("io.18.sql") },
        ],
    },
    ..Part::SERVER
};

const AIOS: Part = Part {
    key: "aios",
    needs: &[Need::Use("pg_catalog.pg_get_aios()")],
    run: Run::Sql {
        shape: Shape::Rows,
        binds: &[],
        variants: &[Variant { since: 18, sql: include_str!("aios.18.sql") }],
    },
    ..Part::SERVER
};
