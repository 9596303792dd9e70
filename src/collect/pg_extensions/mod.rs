//! `pg_extensions`: extensions and their versions.

use super::{Collector, Gather, Scope};

pub const PG_EXTENSIONS: Collector = Collector {
    name: "pg_extensions",
    about: "extensions and their versions",
    scope: Scope::Database,
    every_s: 3600,
    enabled: true,
    needs: "nothing",
    gather: Gather::Sql(&[]),
};
