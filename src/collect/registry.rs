//! Every collector, in order of value: what stands first is asked first, and shed last.

use super::{Collector, Gather, agent, disk_usage, pg_query_stats, pg_stats, sysstat};

pub const ALL: &[&Collector] = &[
    &sysstat::SYSSTAT,
    &pg_stats::PG_STATS,
    &pg_query_stats::PG_QUERY_STATS,
    &disk_usage::DISK_USAGE,
    &agent::AGENT,
];

/// Whether it is read from a server.
pub fn is_asked(name: &str) -> bool {
    find(name).is_some_and(|c| matches!(c.gather, Gather::Sql(_)))
}

pub fn find(name: &str) -> Option<&'static Collector> {
    ALL.iter().copied().find(|c| c.name == name)
}
