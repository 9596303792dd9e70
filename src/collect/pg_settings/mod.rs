//! `pg_settings`: settings off their default, and drifted collations.

use super::{Collector, Gather, Scope};

pub const PG_SETTINGS: Collector = Collector {
    name: "pg_settings",
    about: "settings off their default, and drifted collations",
    scope: Scope::Server,
    every_s: 3600,
    enabled: true,
    needs: "pg_read_all_settings",
    gather: Gather::Sql(&[]),
};
