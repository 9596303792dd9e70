//! `pg_bloat`: wasted space, estimated from statistics.

use super::{Collector, Gather, Scope};

pub const PG_BLOAT: Collector = Collector {
    name: "pg_bloat",
    about: "wasted space, estimated from statistics",
    scope: Scope::Database,
    every_s: 3600,
    enabled: true,
    needs: "pg_read_all_data, or select on the tables, as estimates need their columns' statistics",
    gather: Gather::Sql(&[]),
};
