//! `pg_replication`: standbys, slots, WAL, subscriptions, wraparound.

use super::{Collector, Gather, Scope};

pub const PG_REPLICATION: Collector = Collector {
    name: "pg_replication",
    about: "standbys, slots, WAL, subscriptions, wraparound",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "pg_monitor",
    gather: Gather::Sql(&[]),
};
