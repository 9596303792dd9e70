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
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod kinds;
mod level;
pub(crate) mod masked;
mod plans;
mod position;
mod prefix;
mod read;
mod source;
mod times;
mod walk;

use super::{Collector, Gather, Part, Run, Scope};
use crate::privacy::Class;

pub const PG_LOG: Collector = Collector {
    name: "pg_log",
    about: "new entries of the server's log: counts, what operators watch for, and a few of them, masked",
    scope: Scope::Server,
    every_s: 300,
    enabled: true,
    needs: "the server's log files on this host (logging_collector, or log_file), or execute on pg_read_binary_file, \
            which opens every file of the server's to the role",
    texts: &[
        (
            "deadlocks[].processes[] failed_statements[] lock_waits.rows[] plans[] samples[] slow_statements.rows[] temp_files.rows[]",
            Class::Statement,
            "text",
        ),
        ("plans[]", Class::Statement, "plan"),
        (
            "deadlocks[] failed_statements[] lock_waits.rows[] plans[] samples[] sessions.logins[] slow_statements.rows[] temp_files.rows[]",
            Class::Name,
            "database user",
        ),
        ("autovacuums.rows[] autoanalyzes.rows[]", Class::Name, "database schema table"),
        ("samples[]", Class::Name, "application"),
        ("samples[]", Class::Address, "client"),
        ("samples[]", Class::Message, "message detail hint context"),
        ("deadlocks[]", Class::Message, "context"),
        // The next run goes by it, as it is.
        ("position", Class::Word, "file format head tail"),
        ("", Class::Word, "file format source"),
        ("sqlstates[]", Class::Word, "class level sqlstate"),
        ("kinds[]", Class::Word, "kind severity"),
        ("checkpoints.rows[]", Class::Word, "cause"),
        ("failed_statements[]", Class::Word, "kind sqlstate queryid"),
        ("lock_waits.rows[]", Class::Word, "event mode object"),
        ("deadlocks[].processes[]", Class::Word, "waits_for"),
        ("plans[]", Class::Word, "format queryid"),
        ("slow_statements.rows[] temp_files.rows[]", Class::Word, "queryid"),
        ("samples[]", Class::Word, "backend_type kind level pid queryid severity sqlstate"),
    ],
    gather: Gather::Sql(&[LOG]),
};

const LOG: Part = Part { key: collect::KEY, run: Run::Code(collect::run), ..Part::SERVER };
