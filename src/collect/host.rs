//! What the two readers of the host share: a small file below a root, a JSON row that leaves out what is not
//! known, rounding, and the clock around a part. Interprets nothing.

use std::io::{Error, ErrorKind};
use std::path::Path;
use std::time::Instant;

use serde::{Serialize, Serializer};
use wire::{Outcome, Reason, Verdict};

use super::part::Done;

/// A file that could not be read, and whether it is simply not there.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) absent: bool,
    pub(super) text: String,
}

/// `path` is relative to the root: `proc/stat`.
pub(super) fn read_bytes(root: &Path, path: &str) -> Result<Vec<u8>, Unread> {
    std::fs::read(root.join(path))
        .map_err(|error| Unread { absent: is_absent(&error), text: format!("/{path}: {error}") })
}

/// Names in these files are bytes to the kernel: a strange one must not cost the lines around it.
pub(super) fn read_text(root: &Path, path: &str) -> Result<String, Unread> {
    read_bytes(root, path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Files of a feature that was switched off at boot exist, and refuse with EOPNOTSUPP when they are read.
fn is_absent(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::OPNOTSUPP.raw_os_error())
}

impl Unread {
    /// For what not every kernel and container has.
    pub(super) fn into_done(self, key: &'static str) -> Done {
        match self.absent {
            true => Done::skipped(key, Reason::NotApplicable, self.text),
            false => Done::failed(key, Reason::Other, self.text),
        }
    }
}

pub(super) fn timed(part: impl FnOnce() -> Done) -> Done {
    let start = Instant::now();
    let mut done = part();
    done.outcome.took_ms = rounded(start.elapsed().as_secs_f64() * 1000.0, 3).unwrap_or_default();
    done
}

impl Done {
    /// There is something, but not all: why, in one sentence.
    pub(super) fn partial(mut self, reason: Reason, detail: impl Into<String>) -> Done {
        self.outcome =
            Outcome { verdict: Verdict::Partial, reason: Some(reason), ..self.outcome }.detail(detail);
        self
    }
}

/// `None` for what is no number: JSON has no word for it.
pub(super) fn rounded(value: f64, decimals: i32) -> Option<f64> {
    let scale = 10f64.powi(decimals);
    Some((value * scale).round() / scale).filter(|value| value.is_finite())
}

/// `None` when the whole is nothing: there is no share of it.
pub(super) fn percent(part: u64, whole: u64) -> Option<f64> {
    rounded(part as f64 * 100.0 / whole as f64, 2)
}

/// A JSON object in the order of its making; what is `None` is not in it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Row(Vec<(&'static str, Cell)>);

#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Cell {
    Count(u64),
    Number(f64),
    Text(String),
    Flag(bool),
    Row(Row),
}

impl Row {
    pub(super) fn put<T: Into<Cell>>(&mut self, key: &'static str, value: Option<T>) -> &mut Row {
        self.0.extend(value.map(|value| (key, value.into())));
        self
    }

    /// `None` when nothing was put in.
    pub(super) fn filled(self) -> Option<Row> {
        Some(self).filter(|row| !row.0.is_empty())
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl From<u64> for Cell {
    fn from(value: u64) -> Cell {
        Cell::Count(value)
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Cell {
        Cell::Number(value)
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Cell {
        Cell::Text(value)
    }
}

impl From<bool> for Cell {
    fn from(value: bool) -> Cell {
        Cell::Flag(value)
    }
}

impl From<Row> for Cell {
    fn from(value: Row) -> Cell {
        Cell::Row(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_and_refuses_what_is_no_number() {
        let check = |value, decimals, expected| assert_eq!(rounded(value, decimals), expected, "{value}");
        check(1.005, 0, Some(1.0));
        check(2.0 / 3.0, 3, Some(0.667));
        check(-2.0 / 3.0, 2, Some(-0.67));
        check(f64::NAN, 2, None);
        check(f64::INFINITY, 2, None);
        assert_eq!(percent(1, 3), Some(33.33));
        assert_eq!(percent(0, 0), None);
        assert_eq!(percent(1, 0), None);
    }

    #[test]
    fn a_row_keeps_its_order_and_leaves_out_what_is_not_known() {
        let mut inner = Row::default();
        inner.put("b", Some(true));
        let mut row = Row::default();
        row.put("z", Some(u64::MAX)).put("a", None::<u64>).put("t", Some("x\"".to_string()));
        row.put("f", rounded(0.1 + 0.2, 2)).put("inner", inner.filled()).put("none", Row::default().filled());
        let json = serde_json::to_string(&row).expect("a row encodes");
        assert_eq!(json, r#"{"z":18446744073709551615,"t":"x\"","f":0.3,"inner":{"b":true}}"#);
    }
}
