//! `pg_progress`: long commands under way.

use super::{Collector, Gather, Scope};

pub const PG_PROGRESS: Collector = Collector {
    name: "pg_progress",
    about: "long commands under way",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "pg_read_all_stats for other roles' commands",
    gather: Gather::Sql(&[]),
};
