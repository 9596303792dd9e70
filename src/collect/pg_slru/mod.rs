//! `pg_slru`: SLRU caches.

use super::{Collector, Gather, Scope};

pub const PG_SLRU: Collector = Collector {
    name: "pg_slru",
    about: "SLRU caches",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "nothing",
    gather: Gather::Sql(&[]),
};
