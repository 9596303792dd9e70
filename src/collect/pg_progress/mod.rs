//! `pg_progress`: long commands under way, as the server's progress views tell of them.
//!
//! Usually nothing is under way: one cheap statement says so, and the views are read only for the commands that are.

mod commands;

use super::{Collector, Gather, Need, Part, Run, Scope};
use crate::privacy::Class;

pub const PG_PROGRESS: Collector = Collector {
    name: "pg_progress",
    about: "long commands under way",
    scope: Scope::Server,
    every_s: 60,
    enabled: true,
    needs: "pg_read_all_stats for other roles' commands",
    texts: &[
        (
            "analyze[] basebackup[] cluster[] copy[] create_index[] repack[] vacuum[]",
            Class::Statement,
            "query",
        ),
        (
            "analyze[] cluster[] copy[] create_index[] repack[] vacuum[]",
            Class::Name,
            "application database user",
        ),
        ("basebackup[]", Class::Name, "application user"),
        ("analyze[] copy[] vacuum[]", Class::Qualified, "relation"),
        ("cluster[] create_index[] repack[]", Class::Qualified, "index relation"),
        ("analyze[] basebackup[] vacuum[]", Class::Word, "backend_type phase wait_event wait_event_type"),
        (
            "cluster[] create_index[] repack[]",
            Class::Word,
            "backend_type command phase wait_event wait_event_type",
        ),
        ("copy[]", Class::Word, "backend_type command type wait_event wait_event_type"),
    ],
    gather: Gather::Sql(&[COMMANDS]),
};

const COMMANDS: Part = Part {
    key: "commands",
    needs: &[Need::Sees("pg_read_all_stats")],
    run: Run::Code(commands::run),
    ..Part::SERVER
};
