//! `pg_locks`: locks, and who waits for whom.
//!
//! Locks are counted in one statement. Only where somebody waits a second one reads the waiting sessions and those in
//! their way; the server itself says who blocks whom, as only it knows the order of its queues. Chains are made of that
//! reading in `chains.rs`. Locks and waits of the collector's own sessions are left out.

mod chains;
mod read;
mod waits;

use super::{Collector, Gather, Need, Part, Run, Scope};

pub const PG_LOCKS: Collector = Collector {
    name: "pg_locks",
    about: "locks, and who waits for whom",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "pg_read_all_stats for other roles' statements",
    gather: Gather::Sql(&[LOCKS]),
};

const LOCKS: Part = Part {
    key: "locks",
    needs: &[Need::Sees("pg_read_all_stats")],
    run: Run::Code(read::run),
    ..Part::SERVER
};
