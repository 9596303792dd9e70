//! `pg_settings`: settings off their default, what changed of them, and drifted collations.
//!
//! The server's own settings, not those of the collector's session. What looks like a secret is masked before it is
//! kept, compared or sent. Collations are a database's own: each database has an item for them.

mod changes;
mod collect;
mod conninfo;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod read;
mod secrets;

use super::{Collector, Gather, Need, Part, Run, Scope, Shape, Variant};
use crate::privacy::Class;

pub const PG_SETTINGS: Collector = Collector {
    name: "pg_settings",
    about: "settings off their default, and drifted collations",
    scope: Scope::Server,
    every_s: 3600,
    enabled: true,
    needs: "pg_read_all_settings",
    texts: &[
        ("changed[] role_settings[]", Class::Name, "database role"),
        ("collations[]", Class::Name, "name schema"),
        ("databases[]", Class::Name, "name"),
        ("settings[]", Class::Name, "source_file"),
        ("", Class::Mark, "digest"),
        ("changed[] role_settings[] settings[]", Class::SettingName, "name"),
        ("", Class::SettingName, "pending_restarts[]"),
        ("changed[]", Class::Setting, "new old"),
        ("role_settings[]", Class::Setting, "value"),
        ("settings[]", Class::Setting, "boot_value reset_value value"),
        ("collations[] databases[]", Class::Word, "actual_version provider recorded_version"),
        ("settings[]", Class::Word, "context source unit"),
    ],
    gather: Gather::Sql(&[SETTINGS, DATABASES, COLLATIONS]),
};

const SETTINGS: Part = Part {
    key: collect::KEY,
    needs: &[Need::Sees("pg_read_all_settings")],
    run: Run::Code(collect::run),
    ..Part::SERVER
};

const DATABASES: Part = Part {
    key: "databases",
    run: Run::Sql {
        shape: Shape::Rows,
        binds: &[],
        variants: &[Variant { since: 15, sql: include_str!("databases.15.sql") }],
    },
    ..Part::SERVER
};

const COLLATIONS: Part = Part {
    key: "collations",
    run: Run::Sql {
        shape: Shape::Rows,
        binds: &[],
        variants: &[Variant { since: 13, sql: include_str!("collations.13.sql") }],
    },
    ..Part::DATABASE
};
