//! Every collector, in order of value: what stands first is asked first, and shed last.

use super::{
    Collector, Gather, Need, agent, custom, disk_usage, pg_archiver, pg_bgwriter, pg_bloat, pg_cache,
    pg_connections, pg_extensions, pg_io, pg_locks, pg_log, pg_progress, pg_query_stats, pg_replication,
    pg_schema, pg_security, pg_sequences, pg_settings, pg_slru, pg_stats, pg_wal, pg_xmin, sysstat,
};
use crate::pg::probe::Wanted;

pub const ALL: &[&Collector] = &[
    &sysstat::SYSSTAT,
    &pg_stats::PG_STATS,
    &pg_query_stats::PG_QUERY_STATS,
    &pg_connections::PG_CONNECTIONS,
    &pg_locks::PG_LOCKS,
    &pg_replication::PG_REPLICATION,
    &pg_xmin::PG_XMIN,
    &pg_wal::PG_WAL,
    &pg_bgwriter::PG_BGWRITER,
    &pg_archiver::PG_ARCHIVER,
    &pg_io::PG_IO,
    &pg_slru::PG_SLRU,
    &pg_progress::PG_PROGRESS,
    &pg_log::PG_LOG,
    &disk_usage::DISK_USAGE,
    &pg_cache::PG_CACHE,
    &custom::CUSTOM,
    &pg_bloat::PG_BLOAT,
    &pg_sequences::PG_SEQUENCES,
    &pg_settings::PG_SETTINGS,
    &pg_extensions::PG_EXTENSIONS,
    &pg_schema::PG_SCHEMA,
    &pg_security::PG_SECURITY,
    &agent::AGENT,
];

/// Whether it is read from a server.
pub fn is_asked(name: &str) -> bool {
    find(name).is_some_and(|c| matches!(c.gather, Gather::Sql(_) | Gather::Configured(_)))
}

pub fn find(name: &str) -> Option<&'static Collector> {
    ALL.iter().copied().find(|c| c.name == name)
}

/// What a probe has to look up, so that no part is sent that must fail.
pub fn wanted() -> Wanted {
    let mut wanted = Wanted { roles: vec!["pg_monitor".to_owned()], objects: Vec::new() };
    let parts = ALL.iter().flat_map(|c| match &c.gather {
        Gather::Sql(parts) => *parts,
        Gather::Configured(_) | Gather::Host | Gather::Agent => &[],
    });
    for need in parts.flat_map(|part| part.needs) {
        let (list, name) = match *need {
            Need::Extension(_) => continue,
            Need::Role(role) | Need::Sees(role) => (&mut wanted.roles, role),
            Need::Use(object) | Need::Adds(object) => (&mut wanted.objects, object),
        };
        if !list.iter().any(|known| known == name) {
            list.push(name.to_owned());
        }
    }
    wanted
}
