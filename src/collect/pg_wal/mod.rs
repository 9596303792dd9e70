//! `pg_wal`: write-ahead log written.

use super::{Collector, Gather, Scope};

pub const PG_WAL: Collector = Collector {
    name: "pg_wal",
    about: "write-ahead log written",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "nothing",
    gather: Gather::Sql(&[]),
};
