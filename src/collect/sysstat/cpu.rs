//! Part `cpu`: where the processors' time went, the load, and the scheduler's counters.

use std::path::Path;

use procfs_core::{FromRead, LoadAverage};
use wire::Reason;

use super::counters::{Counters, Since, Ticks, WENT_DOWN};
use super::machine;
use crate::collect::host::{Row, Unread, read_text, rounded};
use crate::collect::part::{Done, Fragment};

/// `/proc/stat` counts in hundredths of a second on every architecture that we build for: part of the kernel's
/// interface to programs, whatever its own tick.
const TICKS_PER_S: f64 = 100.0;

const IDLE: usize = 3;
const IOWAIT: usize = 4;

/// Column of the kernel, name as a percentage, name as a cumulative time.
const STATES: [(usize, &str, &str); 8] = [
    (0, "user", "user_s_total"),
    (2, "system", "system_s_total"),
    (IDLE, "idle", "idle_s_total"),
    (IOWAIT, "iowait", "iowait_s_total"),
    (7, "steal", "steal_s_total"),
    (1, "nice", "nice_s_total"),
    (5, "irq", "irq_s_total"),
    (6, "softirq", "softirq_s_total"),
];

/// What `/proc/stat` says, as far as it made sense.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Stat {
    pub(super) ticks: Option<Ticks>,
    pub(super) cores: Option<u64>,
    /// Seconds since the epoch.
    pub(super) boot_time: Option<u64>,
    context_switches: Option<u64>,
    forks: Option<u64>,
    running: Option<u64>,
    blocked: Option<u64>,
}

pub(super) fn parse(text: &str) -> Stat {
    let mut stat = Stat::default();
    for line in text.lines() {
        let Some((key, rest)) = line.split_once(' ') else { continue };
        let number = || rest.trim().parse().ok();
        match key {
            "cpu" => stat.ticks = ticks(rest),
            "ctxt" => stat.context_switches = number(),
            "btime" => stat.boot_time = number(),
            "processes" => stat.forks = number(),
            "procs_running" => stat.running = number(),
            "procs_blocked" => stat.blocked = number(),
            _ if is_core(key) => *stat.cores.get_or_insert(0) += 1,
            _ => {}
        }
    }
    stat
}

fn is_core(key: &str) -> bool {
    key.strip_prefix("cpu").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Ten columns have a meaning today; the first four have been there for ever.
fn ticks(columns: &str) -> Option<Ticks> {
    let ticks: Ticks =
        columns.split_whitespace().take(10).map(|word| word.parse().ok()).collect::<Option<_>>()?;
    Some(ticks).filter(|ticks| ticks.len() > IDLE)
}

/// Idle and I/O wait may step back a little when a processor goes on- or offline, and the kernel says so: no time
/// was spent there then. Anything else that goes down is another counter than before.
fn grown(before: &[u64], now: &[u64]) -> Option<Ticks> {
    let column = |(at, (before, now)): (usize, (&u64, &u64))| match at {
        IDLE | IOWAIT => Some(now.saturating_sub(*before)),
        _ => now.checked_sub(*before),
    };
    match before.len() == now.len() {
        true => before.iter().zip(now).enumerate().map(column).collect(),
        false => None,
    }
}

/// The kernel counts guests' time in `user` and `nice` too: taken out there, so that each moment counts once.
/// (state, its name in percent, its cumulative name, ticks)
fn states(ticks: &[u64]) -> Vec<(&'static str, &'static str, u64)> {
    let at = |column: usize| ticks.get(column).copied();
    let guest_of = |column: usize| match column {
        0 => at(8).unwrap_or(0),
        1 => at(9).unwrap_or(0),
        _ => 0,
    };
    let own = |(column, percent, total): (usize, _, _)| {
        at(column).map(|ticks| (percent, total, ticks.saturating_sub(guest_of(column))))
    };
    let guest = at(8).map(|guest| ("guest", "guest_s_total", guest.saturating_add(at(9).unwrap_or(0))));
    STATES.into_iter().filter_map(own).chain(guest).collect()
}

/// Percentages of all processor time between two readings: together 100.
fn put_percentages(row: &mut Row, before: &[u64], now: &[u64]) -> Result<(), &'static str> {
    let states = states(&grown(before, now).ok_or(WENT_DOWN)?);
    let all: f64 = states.iter().map(|(_, _, ticks)| *ticks as f64).sum();
    if all <= 0.0 {
        return Err("no processor time was counted since the previous run");
    }
    for (name, _, ticks) in states {
        row.put(name, rounded(ticks as f64 * 100.0 / all, 2));
    }
    Ok(())
}

fn put_loads(row: &mut Row, text: &str) -> Option<()> {
    let load = LoadAverage::from_read(text.as_bytes()).ok()?;
    for (name, value) in [("load_1m", load.one), ("load_5m", load.five), ("load_15m", load.fifteen)] {
        row.put(name, rounded(f64::from(value), 2).filter(|load| *load >= 0.0));
    }
    Some(())
}

fn put_counters(row: &mut Row, stat: &Stat) {
    for (_, name, ticks) in stat.ticks.iter().flat_map(|ticks| states(ticks)) {
        row.put(name, rounded(ticks as f64 / TICKS_PER_S, 2));
    }
    row.put("cores", stat.cores)
        .put("processes_running", stat.running)
        .put("processes_blocked", stat.blocked);
    row.put("context_switches_total", stat.context_switches).put("forks_total", stat.forks);
    row.put("boot_time", machine::boot_time(stat));
}

/// Percentages over the interval, or why they are missing.
fn put_interval(row: &mut Row, since: &Since<'_>, now: Option<&Ticks>) -> Result<(), &'static str> {
    let interval = since.as_ref().map_err(|why| *why)?;
    let now = now.ok_or("/proc/stat has no line on all processors")?;
    let before = interval.before.cpu.as_ref().ok_or("the previous run could not read /proc/stat")?;
    put_percentages(row, before, now)?;
    row.put("interval_s", rounded(interval.seconds, 3));
    Ok(())
}

pub(super) fn part(root: &Path, stat: &Result<Stat, Unread>, since: &Since<'_>, now: &mut Counters) -> Done {
    let stat = match stat {
        Ok(stat) => stat,
        Err(unread) => return Done::failed("cpu", Reason::Other, unread.text.clone()),
    };
    now.cpu = stat.ticks.clone();
    let mut row = Row::default();
    let compared = put_interval(&mut row, since, stat.ticks.as_ref());
    let loads = read_text(root, "proc/loadavg").map(|text| put_loads(&mut row, &text));
    put_counters(&mut row, stat);
    let done = Done::ok("cpu", Fragment::value(&row), 1);
    match (stat.ticks.is_some(), compared, loads) {
        (false, _, _) => done.partial(Reason::Other, "/proc/stat has no line on all processors"),
        (true, Err(why), _) => done.partial(Reason::FirstRun, why),
        (true, Ok(()), Err(unread)) => done.partial(Reason::Other, unread.text),
        (true, Ok(()), Ok(None)) => done.partial(Reason::Other, "/proc/loadavg made no sense"),
        (true, Ok(()), Ok(Some(()))) => done,
    }
}
