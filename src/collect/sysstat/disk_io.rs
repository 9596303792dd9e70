//! Part `disk_io`: one row per whole device, from `/proc/diskstats`; rates over the interval.
//!
//! Device-mapper and md devices are devices of their own, so the I/O of a volume shows on it and on what lies
//! below. Left out: partitions (their device has the sum), loop and ram (files and memory), zram (compressed
//! memory: its traffic is swapping, counted in `memory`), floppy and optical drives.

use std::collections::HashSet;
use std::path::Path;

use procfs_core::DiskStat;

use super::counters::{Counters, Disk, Since, grown, grown_ms, per_second};
use super::{heaviest, standing};
use crate::collect::host::{Row, read_text, rounded};
use crate::collect::part::{Done, Fragment};

const ROWS_MAX: usize = 128;
const LEFT_OUT: [&str; 5] = ["loop", "ram", "zram", "fd", "sr"];
/// The kernel's unit here, whatever the device's own.
const SECTOR_BYTES: u64 = 512;

/// Whole devices, and how many of their lines made no sense.
pub(super) fn parse(text: &str) -> (Vec<DiskStat>, usize) {
    let names: HashSet<&str> = text.lines().filter_map(device_of).collect();
    let wanted = |line: &&str| match device_of(line) {
        Some(name) => !is_left_out(name) && !is_partition(name, &names),
        None => !line.trim().is_empty(),
    };
    let lines: Vec<_> = text.lines().filter(wanted).map(DiskStat::from_line).collect();
    let count = lines.len();
    let disks: Vec<DiskStat> = lines.into_iter().flatten().collect();
    let unreadable = count - disks.len();
    (disks, unreadable)
}

fn device_of(line: &str) -> Option<&str> {
    line.split_whitespace().nth(2)
}

fn is_left_out(name: &str) -> bool {
    let rest = LEFT_OUT.iter().find_map(|prefix| name.strip_prefix(prefix));
    rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `sda1` of `sda`, `nvme0n1p1` of `nvme0n1`: a number behind the name of a listed device, or behind that and a
/// `p`. One whose device is not listed (Xen gives out bare `xvda1`) stands for itself.
fn is_partition(name: &str, names: &HashSet<&str>) -> bool {
    let device = name.trim_end_matches(|end: char| end.is_ascii_digit());
    let listed = |device: &str| names.contains(device);
    device.len() < name.len() && (listed(device) || device.strip_suffix('p').is_some_and(listed))
}

fn totals(disk: &DiskStat) -> Disk {
    Disk {
        reads: disk.reads,
        read_sectors: disk.sectors_read,
        read_ms: disk.time_reading,
        writes: disk.writes,
        write_sectors: disk.sectors_written,
        write_ms: disk.time_writing,
        io_ms: disk.time_in_progress,
        weighted_ms: disk.weighted_time_in_progress,
        flushes: disk.flushes,
        flush_ms: disk.time_flushing,
    }
}

fn put_totals(row: &mut Row, disk: &DiskStat) {
    let bytes = |sectors: u64| sectors.checked_mul(SECTOR_BYTES);
    row.put("reads_total", Some(disk.reads)).put("reads_merged_total", Some(disk.merged));
    row.put("read_bytes_total", bytes(disk.sectors_read)).put("read_time_ms_total", Some(disk.time_reading));
    row.put("writes_total", Some(disk.writes)).put("writes_merged_total", Some(disk.writes_merged));
    row.put("write_bytes_total", bytes(disk.sectors_written));
    row.put("write_time_ms_total", Some(disk.time_writing)).put("in_flight", Some(disk.in_progress));
    row.put("io_time_ms_total", Some(disk.time_in_progress));
    row.put("weighted_time_ms_total", Some(disk.weighted_time_in_progress));
    row.put("discards_total", disk.discards).put("flushes_total", disk.flushes);
    row.put("flush_time_ms_total", disk.time_flushing);
}

/// `None` when a count went down: then it is another device under the same name.
fn put_rates(row: &mut Row, before: &Disk, now: &Disk, seconds: f64) -> Option<()> {
    let reads = grown(before.reads, now.reads)?;
    let writes = grown(before.writes, now.writes)?;
    let bytes = |before, now| grown(before, now).map(|sectors| sectors as f64 * SECTOR_BYTES as f64);
    let read_bytes = bytes(before.read_sectors, now.read_sectors)?;
    let write_bytes = bytes(before.write_sectors, now.write_sectors)?;
    let per_ms = |ms: Option<u64>, percent: f64| rounded(ms? as f64 / (seconds * 1000.0) * percent, 2);
    row.put("reads_per_s", per_second(reads, seconds));
    row.put("read_bytes_per_s", rounded(read_bytes / seconds, 1));
    row.put("writes_per_s", per_second(writes, seconds));
    row.put("write_bytes_per_s", rounded(write_bytes / seconds, 1));
    // The kernel rounds a started millisecond up: a device that was never idle comes out a little above 100.
    let busy_percent = per_ms(grown_ms(before.io_ms, now.io_ms), 100.0);
    row.put("busy_percent", busy_percent.map(|percent| percent.min(100.0)));
    row.put("queue_average", per_ms(grown_ms(before.weighted_ms, now.weighted_ms), 1.0));
    row.put("read_await_ms", await_ms(grown_ms(before.read_ms, now.read_ms), reads));
    row.put("write_await_ms", await_ms(grown_ms(before.write_ms, now.write_ms), writes));
    let flush_ms = before.flush_ms.zip(now.flush_ms).and_then(|(before, now)| grown_ms(before, now));
    let flushes = before.flushes.zip(now.flushes).and_then(|(before, now)| grown(before, now));
    row.put("flushes_per_s", flushes.and_then(|flushes| per_second(flushes, seconds)));
    row.put("flush_await_ms", flushes.and_then(|flushes| await_ms(flush_ms, flushes)));
    Some(())
}

/// How long one took: unknown where there was none.
fn await_ms(spent_ms: Option<u64>, operations: u64) -> Option<f64> {
    rounded(spent_ms? as f64 / operations as f64, 3)
}

/// What its maker called a device-mapper device (`vg0-pgdata`): `dm-3` says nothing to a person.
fn mapper_name(root: &Path, device: &str) -> Option<String> {
    device.strip_prefix("dm-")?;
    let text = read_text(root, &format!("sys/block/{device}/dm/name")).ok()?;
    Some(text.trim().to_string()).filter(|name| !name.is_empty())
}

pub(super) fn part(root: &Path, since: &Since<'_>, now: &mut Counters) -> Done {
    let text = match read_text(root, "proc/diskstats") {
        Ok(text) => text,
        Err(unread) => return unread.into_done("disk_io"),
    };
    let (disks, unreadable) = parse(&text);
    let total = disks.len() as u64;
    let traffic = |disk: &DiskStat| u128::from(disk.sectors_read) + u128::from(disk.sectors_written);
    let mut rated = 0;
    let mut rows = Vec::new();
    for disk in heaviest(disks, ROWS_MAX, traffic) {
        let mut row = Row::default();
        row.put("device", Some(disk.name.clone())).put("name", mapper_name(root, &disk.name));
        put_totals(&mut row, &disk);
        let totals = totals(&disk);
        if let Ok(interval) = since
            && let Some(before) = interval.before.disks.get(&disk.name)
        {
            rated += usize::from(put_rates(&mut row, before, &totals, interval.seconds).is_some());
        }
        now.disks.insert(disk.name, totals);
        rows.push(row);
    }
    let mut done = Done::ok("disk_io", Fragment::value(&rows), rows.len() as u64);
    done.outcome.total = Some(total);
    standing(done, since, rated, unreadable)
}
