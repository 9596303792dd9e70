//! `pg_progress`: long commands under way, as the server's progress views tell of them.
//!
//! Usually nothing is under way: one cheap statement says so, and the views are read only for the commands that are.

mod commands;

use super::{Collector, Gather, Need, Part, Run, Scope};

pub const PG_PROGRESS: Collector = Collector {
    name: "pg_progress",
    about: "long commands under way",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "pg_read_all_stats for other roles' commands",
    gather: Gather::Sql(&[COMMANDS]),
};

const COMMANDS: Part = Part {
    key: "commands",
    needs: &[Need::Sees("pg_read_all_stats")],
    run: Run::Code(commands::run),
    ..Part::SERVER
};
