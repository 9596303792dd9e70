//! `pg_sequences`: sequences by the share of their range in use.

use super::{Collector, Gather, Scope};

pub const PG_SEQUENCES: Collector = Collector {
    name: "pg_sequences",
    about: "sequences by the share of their range in use",
    scope: Scope::Database,
    every_s: 3600,
    enabled: true,
    needs: "select on the sequences",
    gather: Gather::Sql(&[]),
};
