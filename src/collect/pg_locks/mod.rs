//! `pg_locks`: locks, and who waits for whom.
//!
//! Locks are counted in one statement. Only where somebody waits a second one reads the waiting sessions and those in
//! their way; the server itself says who blocks whom, as only it knows the order of its queues. Chains are made of that
//! reading in `chains.rs`. Locks and waits of the collector's own sessions are left out.

mod chains;
mod read;
mod waits;

use super::{Collector, Gather, Need, Part, Run, Scope};
use crate::privacy::Class;

pub const PG_LOCKS: Collector = Collector {
    name: "pg_locks",
    about: "locks, and who waits for whom",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "pg_read_all_stats for other roles' statements",
    texts: &[
        ("blocking_queries[]", Class::Statement, "query"),
        ("lock_wait_chains[]", Class::Statement, "blocked_query blocking_query"),
        ("active_locks[]", Class::Name, "database"),
        ("blocking_queries[]", Class::Name, "application database user"),
        (
            "lock_wait_chains[]",
            Class::Name,
            "blocked_application blocked_database blocked_user blocking_application blocking_database blocking_user",
        ),
        ("active_locks[] lock_wait_chains[]", Class::Qualified, "relation"),
        ("blocking_queries[]", Class::Address, "client_addr"),
        ("active_locks[]", Class::Word, "locktype mode"),
        ("blocking_queries[]", Class::Word, "backend_type query_hash state"),
        (
            "lock_wait_chains[]",
            Class::Word,
            "blocked_query_hash blocking_query_hash blocking_state locktype mode",
        ),
    ],
    gather: Gather::Sql(&[LOCKS]),
};

const LOCKS: Part = Part {
    key: "locks",
    needs: &[Need::Sees("pg_read_all_stats")],
    run: Run::Code(read::run),
    ..Part::SERVER
};
