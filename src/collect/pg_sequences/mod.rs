//! `pg_sequences`: sequences by the share of their range in use.
//!
//! The range ends where the sequence does, or sooner, where the column that it feeds is of a smaller type.

mod read;
mod share;

use super::{Collector, Gather, Part, Run, Scope};
use crate::privacy::Class;

pub const PG_SEQUENCES: Collector = Collector {
    name: "pg_sequences",
    about: "sequences by the share of their range in use",
    scope: Scope::Database,
    every_s: 3600,
    enabled: true,
    needs: "select on the sequences",
    texts: &[
        ("sequences[]", Class::Name, "column_name name schema table_name table_schema"),
        ("sequences[]", Class::Type, "column_type"),
        ("sequences[]", Class::Word, "data_type limited_by use"),
    ],
    gather: Gather::Sql(&[SEQUENCES]),
};

const SEQUENCES: Part = Part { key: "sequences", run: Run::Code(read::run), ..Part::DATABASE };
