//! Part `host`: what this machine is and since when it runs. And the identity of its boot.

use std::path::Path;

use jiff::Timestamp;
use procfs_core::{FromRead, Uptime};
use wire::Reason;

use super::cpu::Stat;
use crate::collect::host::{Row, read_text, rounded};
use crate::collect::part::{Done, Fragment};

pub(super) fn uptime_s(root: &Path) -> Option<f64> {
    let text = read_text(root, "proc/uptime").ok()?;
    Uptime::from_read(text.as_bytes()).ok().and_then(|uptime| rounded(uptime.uptime, 2))
}

/// The kernel's own id; sandboxes that have none know when they booted.
pub(super) fn boot_id(root: &Path, boot_time: Option<u64>) -> Option<String> {
    let id = read_text(root, "proc/sys/kernel/random/boot_id").ok();
    let id = id.map(|text| text.trim().to_string()).filter(|id| !id.is_empty());
    id.or_else(|| boot_time.map(|seconds| format!("booted at {seconds}")))
}

pub(super) fn boot_time(stat: &Stat) -> Option<String> {
    let seconds = i64::try_from(stat.boot_time?).ok()?;
    Timestamp::from_second(seconds).ok().map(|at| at.to_string())
}

pub(super) fn part(root: &Path, stat: Option<&Stat>, uptime_s: Option<f64>) -> Done {
    let kernel = read_text(root, "proc/sys/kernel/osrelease").ok().map(|text| text.trim().to_string());
    let mut row = Row::default();
    row.put("kernel", kernel.filter(|kernel| !kernel.is_empty()));
    row.put("uptime_s", uptime_s).put("boot_time", stat.and_then(boot_time));
    row.put("cores", stat.and_then(|stat| stat.cores));
    match row.filled() {
        Some(row) => Done::ok("host", Fragment::value(&row), 1),
        None => Done::failed("host", Reason::Other, "nothing of this host could be read below /proc"),
    }
}
