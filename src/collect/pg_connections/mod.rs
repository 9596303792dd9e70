//! `pg_connections`: who is connected, what for, and since when.
//!
//! One statement reads every session once; counts and lists are made of that one reading here, so that they agree, at
//! half of what the server would take to put them together. A transaction is long from 5 seconds on. The collector's own
//! sessions are in none of the figures.

mod figures;
mod sessions;

use super::{Collector, Gather, Need, Part, Run, Scope};
use crate::privacy::Class;

pub const PG_CONNECTIONS: Collector = Collector {
    name: "pg_connections",
    about: "sessions, what they do, and how many more fit",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "pg_read_all_stats for what other roles' sessions do",
    texts: &[
        ("idle_transactions[] long_running_transactions[]", Class::Statement, "query"),
        (
            "connections[] idle_transactions[] long_running_transactions[] oldest_xmin",
            Class::Name,
            "application database user",
        ),
        ("idle_transactions[] long_running_transactions[]", Class::Address, "client_addr"),
        ("connections[]", Class::Word, "state"),
        (
            "idle_transactions[] long_running_transactions[]",
            Class::Word,
            "backend_type query_hash state wait_event wait_event_type",
        ),
        ("oldest_xmin", Class::Word, "backend_type state"),
        ("wait_events[]", Class::Word, "event type"),
    ],
    gather: Gather::Sql(&[SESSIONS]),
};

const SESSIONS: Part = Part {
    key: "sessions",
    needs: &[Need::Sees("pg_read_all_stats")],
    run: Run::Code(sessions::run),
    ..Part::SERVER
};
