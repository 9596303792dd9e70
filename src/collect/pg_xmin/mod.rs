//! `pg_xmin`: who holds the xmin horizon back.

use super::{Collector, Gather, Scope};

pub const PG_XMIN: Collector = Collector {
    name: "pg_xmin",
    about: "who holds the xmin horizon back",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "pg_read_all_stats for other roles' sessions",
    gather: Gather::Sql(&[]),
};
