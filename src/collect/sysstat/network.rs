//! Part `network`: one row per interface but the loopback, from `/proc/net/dev`; rates over the interval.

use std::path::Path;

use super::counters::{Counters, Since, Traffic, grown, per_second};
use super::{heaviest, standing};
use crate::collect::host::{Row, read_text};
use crate::collect::part::{Done, Fragment};

const ROWS_MAX: usize = 64;
const HEADER_LINES: usize = 2;

/// Column of the kernel, cumulative name, name as a rate.
const COLUMNS: [(usize, &str, &str); 8] = [
    (0, "receive_bytes_total", "receive_bytes_per_s"),
    (1, "receive_packets_total", "receive_packets_per_s"),
    (2, "receive_errs_total", "receive_errs_per_s"),
    (3, "receive_drops_total", "receive_drops_per_s"),
    (8, "transmit_bytes_total", "transmit_bytes_per_s"),
    (9, "transmit_packets_total", "transmit_packets_per_s"),
    (10, "transmit_errs_total", "transmit_errs_per_s"),
    (11, "transmit_drops_total", "transmit_drops_per_s"),
];

/// Interfaces, and how many lines made no sense.
pub(super) fn parse(text: &str) -> (Vec<(&str, Traffic)>, usize) {
    let lines = text.lines().skip(HEADER_LINES).filter(|line| !line.trim().is_empty());
    let lines: Vec<_> = lines.map(interface).collect();
    let unreadable = lines.iter().filter(|line| line.is_none()).count();
    (lines.into_iter().flatten().filter(|(name, _)| *name != "lo").collect(), unreadable)
}

/// The last colon ends the name: an alias has one in its name, and old kernels leave no space after it.
fn interface(line: &str) -> Option<(&str, Traffic)> {
    let (name, numbers) = line.rsplit_once(':')?;
    let numbers: Vec<u64> =
        numbers.split_whitespace().map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let mut traffic = Traffic::default();
    for (slot, (column, _, _)) in traffic.iter_mut().zip(COLUMNS) {
        *slot = *numbers.get(column)?;
    }
    Some((name.trim(), traffic)).filter(|(name, _)| !name.is_empty())
}

/// `None` when a counter went down: another interface under the same name, or its driver was loaded anew.
fn put_rates(row: &mut Row, before: &Traffic, now: &Traffic, seconds: f64) -> Option<()> {
    let grown: Vec<u64> =
        before.iter().zip(now).map(|(before, now)| grown(*before, *now)).collect::<Option<_>>()?;
    for (grown, (_, _, name)) in grown.into_iter().zip(COLUMNS) {
        row.put(name, per_second(grown, seconds));
    }
    Some(())
}

pub(super) fn part(root: &Path, since: &Since<'_>, now: &mut Counters) -> Done {
    let text = match read_text(root, "proc/net/dev") {
        Ok(text) => text,
        Err(unread) => return unread.into_done("network"),
    };
    let (interfaces, unreadable) = parse(&text);
    let total = interfaces.len() as u64;
    let bytes = |(_, traffic): &(&str, Traffic)| u128::from(traffic[0]) + u128::from(traffic[4]);
    let mut rated = 0;
    let mut rows = Vec::new();
    for (name, traffic) in heaviest(interfaces, ROWS_MAX, bytes) {
        let mut row = Row::default();
        row.put("interface", Some(name.to_string()));
        for (value, (_, name, _)) in traffic.into_iter().zip(COLUMNS) {
            row.put(name, Some(value));
        }
        if let Ok(interval) = since
            && let Some(before) = interval.before.interfaces.get(name)
        {
            rated += usize::from(put_rates(&mut row, before, &traffic, interval.seconds).is_some());
        }
        now.interfaces.insert(name.to_string(), traffic);
        rows.push(row);
    }
    let mut done = Done::ok("network", Fragment::value(&rows), rows.len() as u64);
    done.outcome.total = Some(total);
    standing(done, since, rated, unreadable)
}
