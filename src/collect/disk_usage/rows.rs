//! The rows as they are shipped.

use super::Place;
use super::measure::{Failure, Usage};
use super::mounts::Mount;
use crate::collect::host::{Row, percent, rounded};

const GB: f64 = (1u64 << 30) as f64;

pub(super) fn filesystem(mount: &Mount, usage: &Usage) -> Row {
    let mut row = Row::default();
    row.put("device", mount.device.clone()).put("mount", Some(mount.path.display().to_string()));
    row.put("fs_type", Some(mount.fs_type.clone()));
    put_usage(&mut row, usage);
    row.put("inodes", inodes(usage)).put("read_only", Some(mount.read_only));
    row
}

pub(super) fn place(place: &Place, mount: Option<&Mount>, answer: &Result<Usage, Failure>) -> Row {
    let mut row = Row::default();
    row.put("label", Some(place.label.clone())).put("path", Some(place.path.display().to_string()));
    row.put("readable", Some(answer.is_ok()));
    row.put("mount", mount.map(|mount| mount.path.display().to_string()));
    row.put("device", mount.and_then(|mount| mount.device.clone()));
    match answer {
        Ok(usage) => put_usage(&mut row, usage),
        Err(failure) => {
            row.put("error", Some(failure.to_string()));
        }
    }
    row
}

fn put_usage(row: &mut Row, usage: &Usage) {
    let gb = |bytes: Option<u64>| rounded(bytes? as f64 / GB, 2);
    row.put("total_gb", gb(usage.total_bytes)).put("used_gb", gb(usage.used_bytes));
    row.put("free_gb", gb(usage.free_bytes));
    row.put("percent_used", share(usage.used_bytes, usage.free_bytes));
    row.put("total_bytes", usage.total_bytes).put("used_bytes", usage.used_bytes);
    row.put("free_bytes", usage.free_bytes);
}

fn share(used: Option<u64>, free: Option<u64>) -> Option<f64> {
    percent(used?, used?.checked_add(free?)?)
}

/// Filesystems that make inodes as they go (btrfs) have no count of them: then there is nothing to tell.
fn inodes(usage: &Usage) -> Option<Row> {
    let total = Some(usage.inodes_total).filter(|total| *total > 0)?;
    let used = total.checked_sub(usage.inodes_free);
    let mut row = Row::default();
    row.put("total", Some(total)).put("used", used).put("free", Some(usage.inodes_free));
    row.put("percent_used", used.and_then(|used| percent(used, total)));
    row.filled()
}
