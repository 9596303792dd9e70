//! `pg_log`: what came into the server's log since the last run.
//!
//! `collect` finds the log, `follow` the files since the position that was kept, `walk` goes through them piece by piece,
//! `format` cuts the pieces into entries, `kinds` says what they are about, `figures` counts them, `masked` says what of
//! their words may leave. Refuses to read more than a run may, and says how much it left or passed over.

mod collect;
mod entry;
mod figures;
mod follow;
mod format;
mod kinds;
mod level;
mod masked;
mod plans;
mod position;
mod prefix;
mod read;
mod source;
mod times;
mod walk;

use super::{Collector, Gather, Part, Run, Scope};

pub const PG_LOG: Collector = Collector {
    name: "pg_log",
    about: "new entries of the server's log: counts, what operators watch for, and a few of them, masked",
    scope: Scope::Server,
    every_s: 300,
    enabled: true,
    needs: "the server's log files on this host (logging_collector, or log_file), or execute on pg_read_binary_file, \
            which opens every file of the server's to the role",
    gather: Gather::Sql(&[LOG]),
};

const LOG: Part = Part { key: collect::KEY, run: Run::Code(collect::run), ..Part::SERVER };
