//! Fuzz targets: everything that reads bytes which others wrote, each with what must hold whatever the bytes are. A target
//! stands beside the code that it is about, and panics on a finding. They are built for tests, which run the corpus in
//! `fuzz/corpus` and spoilt copies of it, and with `--cfg fuzzing` for `scripts/fuzz`, which looks for more.

pub(crate) mod libpq;
#[cfg(test)]
mod replay;

use crate::{collect, config, http, pg, push, spool, state};

pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

pub const TARGETS: &[Target] = &[
    Target { name: "configuration", run: config::fuzz::configuration },
    Target { name: "conninfo", run: collect::pg_settings::fuzz::conninfo },
    Target { name: "dsn", run: config::fuzz::dsn },
    Target { name: "ledger", run: state::ledger::fuzz::ledger },
    Target { name: "log", run: collect::pg_log::fuzz::log },
    Target { name: "mask", run: collect::mask::fuzz::mask },
    Target { name: "passfile", run: config::fuzz::passfile },
    Target { name: "proc", run: collect::sysstat::fuzz::proc },
    Target { name: "remote", run: config::fuzz::remote },
    Target { name: "reply", run: push::reply::fuzz::reply },
    Target { name: "retry_after", run: http::retry_after::fuzz::retry_after },
    Target { name: "row", run: pg::rows::fuzz::row },
    Target { name: "service", run: config::fuzz::service },
    Target { name: "spool", run: spool::fuzz::spool },
];

pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
