//! `pg_connections`: who is connected, what runs long, what waits.

use super::{Collector, Gather, Scope};

pub const PG_CONNECTIONS: Collector = Collector {
    name: "pg_connections",
    about: "who is connected, what runs long, what waits",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "pg_read_all_stats for other roles' sessions",
    gather: Gather::Sql(&[]),
};
