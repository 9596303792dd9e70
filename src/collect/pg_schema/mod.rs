//! `pg_schema`: tables, columns, constraints, foreign keys, indexes, triggers.
//!
//! An item always tells the digest of what is there; all of it only when the digest is not that of the last full item that
//! this target got (`full`, or else `same_as_sequence`, the batch that held it). Defaults and check expressions are told as
//! they are written, with what literals they hold: they are part of the schema.

mod collect;
mod content;
mod mark;

use super::{Collector, Gather, Part, Run, Scope};

pub const PG_SCHEMA: Collector = Collector {
    name: "pg_schema",
    about: "tables, columns, constraints, indexes, triggers",
    scope: Scope::Database,
    every_s: 3600,
    enabled: false,
    needs: "nothing",
    gather: Gather::Sql(&[SCHEMA]),
};

const SCHEMA: Part = Part { key: "schema", run: Run::Code(collect::run), ..Part::DATABASE };
