//! How much of what happened the chosen statements show: for one database, and for the server.
//!
//! Coverage is of growth since the last run, of totals on the first. The collector's own statements count in `present`
//! and stand apart as `own`; coverage leaves them out, or an idle server would look badly covered.

use super::entry::Entry;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub statements: u64,
    pub calls: i64,
    pub time_us: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// As configured, for one database; for the server the sum over those watched, at most what a run may take.
    pub configured_limit: u64,
    /// Everything there is, as counted since each statement's own beginning.
    pub present: Sums,
    /// Those among them that the role may not tell apart.
    pub unreadable: u64,
    /// What coverage is a share of: growth (totals on the first run) of all statements but our own.
    pub weighed: Sums,
    /// The same of those chosen.
    pub collected: Sums,
    /// The same of the collector's own statements.
    pub own: Sums,
}

impl Sums {
    pub(super) fn add(&mut self, statements: u64, (calls, time_us): (i64, i64)) {
        self.statements += statements;
        self.calls = self.calls.saturating_add(calls);
        self.time_us = self.time_us.saturating_add(time_us);
    }

    fn take(&mut self, (calls, time_us): (i64, i64)) {
        self.statements = self.statements.saturating_sub(1);
        self.calls = self.calls.saturating_sub(calls);
        self.time_us = self.time_us.saturating_sub(time_us);
    }

    fn add_all(&mut self, other: &Sums) {
        self.add(other.statements, (other.calls, other.time_us));
    }
}

impl Share {
    /// Statements collected over statements present. A server without any is wholly sampled.
    pub fn sampling_percent(&self) -> f64 {
        percent(self.collected.statements as i64, self.present.statements as i64).unwrap_or(100.0)
    }

    /// Nothing where nothing was called.
    pub fn calls_covered_percent(&self) -> Option<f64> {
        percent(self.collected.calls, self.weighed.calls)
    }

    pub fn time_covered_percent(&self) -> Option<f64> {
        percent(self.collected.time_us, self.weighed.time_us)
    }

    pub(super) fn count(&mut self, entry: &Entry, own: bool, weight: (i64, i64)) {
        let rows = u64::from(entry.rows);
        self.present.add(rows, (entry.calls, entry.time_us));
        self.unreadable += if entry.key.readable() { 0 } else { rows };
        if own { self.own.add(rows, weight) } else { self.weighed.add(rows, weight) }
    }

    /// One that was counted as somebody else's is the collector's.
    pub(super) fn found_own(&mut self, weight: (i64, i64), collected: bool) {
        self.weighed.take(weight);
        self.own.add(1, weight);
        if collected {
            self.collected.take(weight);
        }
    }

    pub(super) fn add(&mut self, other: &Share) {
        self.configured_limit += other.configured_limit;
        self.present.add_all(&other.present);
        self.unreadable += other.unreadable;
        self.weighed.add_all(&other.weighed);
        self.collected.add_all(&other.collected);
        self.own.add_all(&other.own);
    }
}

fn percent(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}
