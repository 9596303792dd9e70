//! A schema as it is read: its digest over everything, its JSON up to a bound. Pure.

use std::collections::BTreeSet;
use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Of one item. What is beyond is left out, and counted; the digest is of all of it.
const MOST_BYTES: usize = 12 << 20;

/// One array, row by row.
#[derive(Default)]
pub(super) struct Rows {
    sum: Sha256,
    json: Vec<u8>,
    pub(super) kept: u64,
    pub(super) read: u64,
    /// Relations whose expressions could not be read.
    pub(super) locked: BTreeSet<String>,
}

#[derive(Default)]
pub(super) struct Content {
    sum: Sha256,
    json: Vec<u8>,
    pub(super) kept: u64,
    pub(super) read: u64,
    pub(super) locked: BTreeSet<String>,
}

impl Content {
    /// How much more it may hold.
    fn room(&self) -> usize {
        MOST_BYTES.saturating_sub(self.json.len())
    }

    /// Rows of the next array.
    pub(super) fn rows(&self) -> Rows {
        Rows::default()
    }

    /// `fields` without braces, into rows that are to become part of this.
    pub(super) fn push(&self, rows: &mut Rows, fields: &[u8]) {
        rows.sum.update(fields);
        // Between two rows stands what no row holds.
        rows.sum.update(b"\n");
        rows.read += 1;
        // Once one is left out, so are all that follow.
        if rows.kept + 1 == rows.read && rows.json.len() + fields.len() + 3 <= self.room() {
            rows.json.extend_from_slice(if rows.kept == 0 { b"{" } else { b",{" });
            rows.json.extend_from_slice(fields);
            rows.json.push(b'}');
            rows.kept += 1;
        }
    }

    pub(super) fn add(&mut self, key: &str, rows: Rows) {
        self.sum.update(key.as_bytes());
        self.sum.update(rows.sum.finalize());
        let comma = if self.json.is_empty() { "" } else { "," };
        self.json.extend(format!("{comma}\"{key}\":[").bytes());
        self.json.extend_from_slice(&rows.json);
        self.json.push(b']');
        self.kept += rows.kept;
        self.read += rows.read;
        self.locked.extend(rows.locked);
    }

    /// The digest, and the arrays as fields.
    pub(super) fn finish(self) -> (String, Vec<u8>) {
        let mut digest = "sha256:".to_owned();
        for byte in self.sum.finalize() {
            let _ = write!(digest, "{byte:02x}");
        }
        (digest, self.json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(arrays: &[(&str, &[&str])]) -> Content {
        let mut content = Content::default();
        for (key, fields) in arrays {
            let mut rows = content.rows();
            fields.iter().for_each(|f| content.push(&mut rows, f.as_bytes()));
            content.add(key, rows);
        }
        content
    }

    #[test]
    fn a_digest_tells_every_difference() {
        let digest = |arrays: &[(&str, &[&str])]| content(arrays).finish().0;
        let one = digest(&[("a", &["x", "y"]), ("b", &[])]);
        assert_eq!(one, digest(&[("a", &["x", "y"]), ("b", &[])]));
        assert_eq!(one.len(), 71);
        for other in [
            &[("a", &["xy"][..]), ("b", &[])],
            &[("a", &["y", "x"][..]), ("b", &[])],
            &[("a", &["x"][..]), ("b", &["y"])],
            &[("b", &["x", "y"][..]), ("a", &[])],
        ] {
            assert_ne!(one, digest(other), "{other:?}");
        }
        let json = content(&[("a", &["\"x\":1", "\"x\":2"]), ("b", &[])]).finish().1;
        assert_eq!(json, br#""a":[{"x":1},{"x":2}],"b":[]"#);
    }

    #[test]
    fn what_is_too_much_is_left_out_but_not_overlooked() {
        let long = "x".repeat(MOST_BYTES / 3);
        let full = content(&[("a", &[&long, &long, &long, "y"])]);
        assert_eq!((full.kept, full.read), (2, 4));
        let (digest, json) = full.finish();
        assert!(json.len() <= MOST_BYTES + 100);
        assert_ne!(digest, content(&[("a", &[&long, &long, &long, "z"])]).finish().0);
    }
}
