//! `pg_archiver`: WAL archiving.
//!
//! What waits is found out by looking at files, as many as there are WAL segments: that is done with the sizes.

use super::{Collector, Every, Gather, Need, Part, Run, Scope, Shape, Variant};
use crate::privacy::Class;

pub const PG_ARCHIVER: Collector = Collector {
    name: "pg_archiver",
    about: "WAL archiving",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "pg_monitor for the files that wait",
    texts: &[("", Class::Word, "archive_mode last_archived_wal last_failed_wal")],
    gather: Gather::Sql(&[ARCHIVER, WAITING]),
};

const ARCHIVER: Part = Part {
    key: "archiver",
    run: Run::Sql {
        shape: Shape::Fields,
        binds: &[],
        variants: &[Variant { since: 13, sql: include_str!("archiver.13.sql") }],
    },
    ..Part::SERVER
};

const WAITING: Part = Part {
    key: "waiting",
    every: Every::Sizes,
    needs: &[Need::Use("pg_catalog.pg_ls_archive_statusdir()")],
    run: Run::Sql {
        shape: Shape::Fields,
        binds: &[],
        variants: &[Variant { since: 13, sql: include_str!("waiting.13.sql") }],
    },
    ..Part::SERVER
};
