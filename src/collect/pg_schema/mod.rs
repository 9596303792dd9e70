//! `pg_schema`: tables, columns, constraints, indexes, triggers.

use super::{Collector, Gather, Scope};

pub const PG_SCHEMA: Collector = Collector {
    name: "pg_schema",
    about: "tables, columns, constraints, indexes, triggers",
    scope: Scope::Database,
    every_s: 3600,
    enabled: false,
    needs: "nothing",
    gather: Gather::Sql(&[]),
};
