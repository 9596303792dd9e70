//! `pg_stats`: databases, their tables and indexes.
//!
//! What pg_stat_database knows is read once for all databases, so that a database closed to us still has those
//! figures. Sizes are a part of their own, as opening relations is what costs.

mod sizes;

use super::{Bind, Collector, Every, Gather, Part, Run, Scope, Shape, Variant};
use crate::privacy::Class;

pub const PG_STATS: Collector = Collector {
    name: "pg_stats",
    about: "activity and size of databases, tables and indexes",
    scope: Scope::Database,
    every_s: 60,
    enabled: true,
    needs: "pg_read_all_stats for sizes of databases closed to the role",
    texts: &[
        ("indexes[]", Class::Name, "name schema table"),
        ("tables[]", Class::Name, "name schema"),
        ("indexes[]", Class::Word, "status"),
        ("tables[]", Class::Word, "kind"),
    ],
    gather: Gather::Sql(&[DATABASE, DATABASE_SIZE, SIZES, TABLES, INDEXES]),
};

const DATABASE: Part = Part {
    key: "database",
    run: Run::Sql {
        shape: Shape::Split,
        binds: &[Bind::Databases],
        variants: &[
            Variant { since: 13, sql: include_str!("database.13.sql") },
            Variant { since: 14, sql: include_str!("database.14.sql") },
            Variant { since: 16, sql: include_str!("database.16.sql") },
            Variant { since: 18, sql: include_str!("database.18.sql") },
        ],
    },
    ..Part::SERVER
};

const DATABASE_SIZE: Part = Part {
    key: "database_size",
    every: Every::Sizes,
    run: Run::Sql {
        shape: Shape::Split,
        binds: &[Bind::Databases],
        variants: &[Variant { since: 13, sql: include_str!("database_size.13.sql") }],
    },
    ..Part::SERVER
};

/// Before the tables and indexes, whose rows it completes.
const SIZES: Part = Part { key: "sizes", every: Every::Sizes, run: Run::Code(sizes::run), ..Part::DATABASE };

const TABLES: Part = Part {
    key: "tables",
    run: Run::Sql {
        shape: Shape::Rows,
        binds: &[Bind::TablesLimit],
        variants: &[
            Variant { since: 13, sql: include_str!("tables.13.sql") },
            Variant { since: 16, sql: include_str!("tables.16.sql") },
            Variant { since: 18, sql: include_str!("tables.18.sql") },
            Variant { since: 19, sql: include_str!("tables.19.sql") },
        ],
    },
    ..Part::DATABASE
};

const INDEXES: Part = Part {
    key: "indexes",
    run: Run::Sql {
        shape: Shape::Rows,
        binds: &[Bind::IndexesLimit],
        variants: &[
            Variant { since: 13, sql: include_str!("indexes.13.sql") },
            Variant { since: 16, sql: include_str!("indexes.16.sql") },
            Variant { since: 19, sql: include_str!("indexes.19.sql") },
        ],
    },
    ..Part::DATABASE
};
