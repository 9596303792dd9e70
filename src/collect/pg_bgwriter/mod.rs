//! `pg_bgwriter`: background writer and checkpoints.

use super::{Collector, Gather, Scope};

pub const PG_BGWRITER: Collector = Collector {
    name: "pg_bgwriter",
    about: "background writer and checkpoints",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "nothing",
    gather: Gather::Sql(&[]),
};
