//! What one run leaves for the next, and when two runs may be compared: the same boot, a clock that went forward,
//! counters that only grew.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::collect::host::rounded;

/// Cumulative counters of one moment: small, and safe to lose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    pub boot_id: String,
    pub taken_at_ms: i64,
    pub uptime_s: Option<f64>,
    pub cpu: Option<Ticks>,
    pub disks: BTreeMap<String, Disk>,
    pub interfaces: BTreeMap<String, Traffic>,
}

/// Columns of the `cpu` line, in the kernel's order; older kernels have fewer.
pub type Ticks = Vec<u64>;

/// Received bytes, packets, errors, drops; then the same transmitted.
pub type Traffic = [u64; 8];

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    pub reads: u64,
    pub read_sectors: u64,
    pub read_ms: u64,
    pub writes: u64,
    pub write_sectors: u64,
    pub write_ms: u64,
    pub io_ms: u64,
    pub weighted_ms: u64,
    /// Since Linux 5.5.
    pub flushes: Option<u64>,
    pub flush_ms: Option<u64>,
}

pub(super) const WENT_DOWN: &str = "counters went down since the previous run";

/// When this run reads, and on which boot of the host: `None` where that cannot be told.
pub(super) struct Moment {
    pub(super) boot_id: Option<String>,
    pub(super) taken_at_ms: i64,
    pub(super) uptime_s: Option<f64>,
}

impl Moment {
    pub(super) fn begin(self) -> Counters {
        Counters {
            boot_id: self.boot_id.unwrap_or_default(),
            taken_at_ms: self.taken_at_ms,
            uptime_s: self.uptime_s,
            ..Counters::default()
        }
    }
}

pub(super) struct Interval<'a> {
    pub(super) seconds: f64,
    pub(super) before: &'a Counters,
}

/// The interval to compare over, or why there is none.
pub(super) type Since<'a> = Result<Interval<'a>, &'static str>;

pub(super) fn since<'a>(now: &Moment, previous: Option<&'a Counters>) -> Since<'a> {
    let before = previous.ok_or("no previous run to compare with")?;
    let boot_id = now.boot_id.as_deref().ok_or("this boot of the host cannot be told from another")?;
    if before.boot_id != boot_id {
        return Err("the host was restarted since the previous run");
    }
    if now.taken_at_ms <= before.taken_at_ms {
        return Err("the clock went back since the previous run");
    }
    // The time since boot is not moved by whoever sets the clock: preferred where both runs know it.
    let seconds = match (before.uptime_s, now.uptime_s) {
        (Some(before), Some(now)) => now - before,
        _ => now.taken_at_ms.abs_diff(before.taken_at_ms) as f64 / 1000.0,
    };
    match seconds > 0.0 {
        true => Ok(Interval { seconds, before }),
        false => Err("no time went by since the previous run"),
    }
}

pub(super) fn grown(before: u64, now: u64) -> Option<u64> {
    now.checked_sub(before)
}

/// The kernel prints times of disks as 32-bit milliseconds, so that a busy one starts anew after 49.7 days. Only
/// for a device whose counts of operations grew: those are 64 bits wide, and tell a wrap from a new device.
pub(super) fn grown_ms(before: u64, now: u64) -> Option<u64> {
    let wrapped = || now.checked_add(1 << 32)?.checked_sub(before).filter(|grown| *grown < 1 << 31);
    grown(before, now).or_else(wrapped)
}

pub(super) fn per_second(grown: u64, seconds: f64) -> Option<f64> {
    rounded(grown as f64 / seconds, 2)
}
