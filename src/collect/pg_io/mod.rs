//! `pg_io`: input and output by kind of process.

use super::{Collector, Gather, Scope};

pub const PG_IO: Collector = Collector {
    name: "pg_io",
    about: "input and output by kind of process",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "pg_read_all_stats for I/O under way (18)",
    gather: Gather::Sql(&[]),
};
