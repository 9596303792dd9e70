//! `sysstat`: processors, memory, disks, network and pressure of this host, from `/proc` below a root.
//!
//! Counters are shipped as they are; rates and percentages are those of the time since the previous run, whose
//! [`Counters`] the caller keeps. Without a previous run that can be compared they are absent, never zero. A file
//! that is missing or unreadable costs its own part. Reading is here and in `part` functions, parsing is pure.

mod counters;
mod cpu;
mod disk_io;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod machine;
mod memory;
mod network;
mod pressure;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use counters::{Counters, Disk, Ticks, Traffic};
use wire::Reason;

use self::counters::{Moment, Since};
use super::host::{read_text, timed};
use super::part::Done;
use super::{Collector, Gather, Scope};
use crate::privacy::Class;

pub const SYSSTAT: Collector = Collector {
    name: "sysstat",
    about: "processors, memory, disks, network and pressure of this host",
    scope: Scope::Host,
    every_s: 60,
    enabled: true,
    needs: "/proc",
    texts: &[
        ("disk_io[]", Class::Word, "device"),
        ("host", Class::Word, "kernel"),
        ("network[]", Class::Word, "interface"),
    ],
    gather: Gather::Host,
};

pub const PARTS: &[&str] = &["host", "cpu", "memory", "disk_io", "network", "pressure"];

const NOTHING_ALIKE: &str = "each of these is new, or its counters went down, since the previous run";

/// The parts of the item, and what the next run needs to compare with: `None` where this boot of the host cannot
/// be told from another.
pub fn read(root: &Path, now_ms: i64, previous: Option<&Counters>) -> (Vec<Done>, Option<Counters>) {
    let stat = read_text(root, "proc/stat").map(|text| cpu::parse(&text));
    let uptime_s = machine::uptime_s(root);
    let boot_time = stat.as_ref().ok().and_then(|stat| stat.boot_time);
    let moment = Moment { boot_id: machine::boot_id(root, boot_time), taken_at_ms: now_ms, uptime_s };
    let since = counters::since(&moment, previous);
    let mut now = moment.begin();
    let parts = vec![
        timed(|| machine::part(root, stat.as_ref().ok(), uptime_s)),
        timed(|| cpu::part(root, &stat, &since, &mut now)),
        timed(|| memory::part(root)),
        timed(|| disk_io::part(root, &since, &mut now)),
        timed(|| network::part(root, &since, &mut now)),
        timed(|| pressure::part(root)),
    ];
    (parts, Some(now).filter(|now| !now.boot_id.is_empty()))
}

/// Rows whose rates could all not be told are of a first run; lines that made no sense are counted.
fn standing(done: Done, since: &Since<'_>, rated: usize, unreadable: usize) -> Done {
    let rows = done.outcome.rows;
    match since {
        _ if unreadable > 0 => {
            done.partial(Reason::Other, format!("{unreadable} lines made no sense and were left out"))
        }
        Err(why) if rows > 0 => done.partial(Reason::FirstRun, *why),
        Ok(_) if rows > 0 && rated == 0 => done.partial(Reason::FirstRun, NOTHING_ALIKE),
        _ => done,
    }
}

/// The `limit` heaviest, in the order that they came in.
fn heaviest<T>(rows: Vec<T>, limit: usize, weight: impl Fn(&T) -> u128) -> Vec<T> {
    if rows.len() <= limit {
        return rows;
    }
    let mut rows: Vec<(usize, T)> = rows.into_iter().enumerate().collect();
    rows.sort_by_key(|(_, row)| std::cmp::Reverse(weight(row)));
    rows.truncate(limit);
    rows.sort_by_key(|(at, _)| *at);
    rows.into_iter().map(|(_, row)| row).collect()
}
