//! `pg_extensions`: extensions and their versions.
//!
//! `default_version` is what the server's files would install today. It is absent where the files are gone;
//! `update_available` is true only where `alter extension ... update` has a way there.

use super::{Collector, Gather, Part, Run, Scope, Shape, Variant};
use crate::privacy::Class;

pub const PG_EXTENSIONS: Collector = Collector {
    name: "pg_extensions",
    about: "extensions and their versions",
    scope: Scope::Database,
    every_s: 3600,
    enabled: true,
    needs: "nothing",
    texts: &[
        ("extensions[]", Class::Name, "owner schema"),
        ("extensions[]", Class::Word, "default_version name version"),
    ],
    gather: Gather::Sql(&[EXTENSIONS]),
};

const EXTENSIONS: Part = Part {
    key: "extensions",
    run: Run::Sql {
        shape: Shape::Rows,
        binds: &[],
        variants: &[Variant { since: 13, sql: include_str!("extensions.13.sql") }],
    },
    ..Part::DATABASE
};
