//! `pg_cache`: cache hits of tables and indexes.

use super::{Collector, Gather, Scope};

pub const PG_CACHE: Collector = Collector {
    name: "pg_cache",
    about: "cache hits of tables and indexes",
    scope: Scope::Database,
    every_s: 300,
    enabled: true,
    needs: "nothing",
    gather: Gather::Sql(&[]),
};
