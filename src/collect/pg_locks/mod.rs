//! `pg_locks`: locks, and who waits for whom.

use super::{Collector, Gather, Scope};

pub const PG_LOCKS: Collector = Collector {
    name: "pg_locks",
    about: "locks, and who waits for whom",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "pg_read_all_stats for other roles' statements",
    gather: Gather::Sql(&[]),
};
