//! `pg_archiver`: WAL archiving.

use super::{Collector, Gather, Scope};

pub const PG_ARCHIVER: Collector = Collector {
    name: "pg_archiver",
    about: "WAL archiving",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "nothing",
    gather: Gather::Sql(&[]),
};
