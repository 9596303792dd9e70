//! `pg_schema`: tables, columns, constraints, foreign keys, indexes, triggers.
//!
//! An item always tells the digest of what is there; all of it only when the digest is not that of the last full item that
//! this target got (`full`, or else `same_as_sequence`, the batch that held it). Defaults and check expressions are told as
//! they are written, with what literals they hold: they are part of the schema.

mod collect;
mod content;
mod mark;

use super::{Collector, Gather, Part, Run, Scope};
use crate::privacy::Class;

pub const PG_SCHEMA: Collector = Collector {
    name: "pg_schema",
    about: "tables, columns, constraints, indexes, triggers",
    scope: Scope::Database,
    every_s: 3600,
    enabled: false,
    needs: "nothing",
    texts: &[
        ("columns[]", Class::Statement, "default"),
        ("constraints[] foreign_keys[] indexes[] triggers[]", Class::Statement, "definition"),
        ("tables[]", Class::Statement, "partition_bound partition_key"),
        ("columns[]", Class::Name, "collation name"),
        ("constraints[] foreign_keys[] indexes[] triggers[]", Class::Name, "name"),
        ("tables[]", Class::Name, "name owner schema"),
        ("columns[]", Class::Type, "type"),
        ("", Class::Mark, "digest"),
        ("columns[]", Class::Word, "generated identity"),
        ("constraints[]", Class::Word, "kind"),
        ("tables[]", Class::Word, "kind options"),
        ("triggers[]", Class::Word, "enabled"),
    ],
    gather: Gather::Sql(&[SCHEMA]),
};

const SCHEMA: Part = Part { key: "schema", run: Run::Code(collect::run), ..Part::DATABASE };
