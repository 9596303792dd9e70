//! A schema as it is read: its digest over everything, its JSON up to a bound. Pure.

use std::collections::BTreeSet;
use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Of one item. What is beyond is left out, and counted; the digest is of all of it.
const MOST_BYTES: usize = 12 << 20;

#[derive(Default)]
pub(super) struct Content {
    sum: Sha256,
    json: Vec<u8>,
    /// Rows that are in it, and rows that were read.
    pub(super) kept: u64,
    pub(super) read: u64,
    /// Relations whose expressions could not be read.
    pub(super) locked: BTreeSet<String>,
}

/// The array under way, row by row, at the end of what it is to become part of: nothing is held twice.
pub(super) struct Rows<'a> {
    content: &'a mut Content,
    sum: Sha256,
    begin: usize,
    kept: u64,
    read: u64,
    locked: BTreeSet<String>,
}

impl Content {
    pub(super) fn rows(&mut self, key: &str) -> Rows<'_> {
        let begin = self.json.len();
        let comma = if self.json.is_empty() { "" } else { "," };
        self.json.extend(format!("{comma}\"{key}\":[").bytes());
        let sum = Sha256::new_with_prefix(key);
        Rows { content: self, sum, begin, kept: 0, read: 0, locked: BTreeSet::new() }
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

impl Rows<'_> {
    /// `fields` without braces.
    pub(super) fn push(&mut self, fields: &[u8]) {
        self.sum.update(fields);
        // Between two rows stands what no row holds.
        self.sum.update(b"\n");
        self.read += 1;
        let json = &mut self.content.json;
        // Once one is left out, so are all that follow.
        if self.kept + 1 == self.read && json.len() + fields.len() + 3 <= MOST_BYTES {
            json.extend_from_slice(if self.kept == 0 { b"{" } else { b",{" });
            json.extend_from_slice(fields);
            json.push(b'}');
            self.kept += 1;
        }
    }

    pub(super) fn lock(&mut self, name: String) {
        self.locked.insert(name);
    }

    /// The array is complete.
    pub(super) fn close(self) {
        let content = self.content;
        content.json.push(b']');
        content.sum.update(self.sum.finalize());
        content.kept += self.kept;
        content.read += self.read;
        content.locked.extend(self.locked);
    }

    /// It could not be read to its end: as if it had not begun.
    pub(super) fn undo(self) {
        self.content.json.truncate(self.begin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(arrays: &[(&str, &[&str])]) -> Content {
        let mut content = Content::default();
        for (key, fields) in arrays {
            let mut broken = content.rows(key);
            broken.push(b"broken");
            broken.undo();
            let mut rows = content.rows(key);
            fields.iter().for_each(|f| rows.push(f.as_bytes()));
            rows.close();
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
