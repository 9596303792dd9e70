//! Rows of a custom query as they come in: JSON of the server's, of which we keep what is within bounds.

use std::collections::BTreeSet;
use std::error::Error;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use wire::{Outcome, Reason, Verdict};

use crate::collect::part::{Done, Fragment};

type Result<T> = std::result::Result<T, Box<dyn Error + Sync + Send>>;

#[derive(Default)]
pub(super) struct Answer {
    json: Vec<u8>,
    seen: u64,
    kept: u64,
    long: u64,
    beyond: u64,
}

impl Answer {
    /// `line`: the row, unless it was left out, for its own length if it `is_long`.
    pub(super) fn take(&mut self, line: Option<&str>, is_long: bool, max_rows: u32) -> Result<()> {
        self.seen += 1;
        if self.seen > u64::from(max_rows) {
            return Ok(());
        }
        let Some(line) = line else {
            self.long += u64::from(is_long);
            self.beyond += u64::from(!is_long);
            return Ok(());
        };
        if self.kept == 0 {
            unambiguous(line)?;
        }
        // Parsed as a reader would, whom a value of type json could trouble: numbers beyond a double, lone surrogates,
        // a hundred levels, or whatever a hostile function returns.
        let _: serde_json::Value = serde_json::from_str(line)
            .map_err(|e| format!("a row that no reader of JSON could read: {e}"))?;
        self.json.push(if self.kept == 0 { b'[' } else { b',' });
        // A value of type json may hold line ends between its words, and a batch is a line.
        self.json.extend(line.bytes().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { b }));
        self.kept += 1;
        Ok(())
    }

    pub(super) fn done(mut self, key: &'static str, max_rows: u32) -> Done {
        if self.kept == 0 {
            self.json.push(b'[');
        }
        self.json.push(b']');
        let mut cut = Vec::new();
        if self.seen > u64::from(max_rows) {
            cut.push(format!("more than max_rows = {max_rows} rows"));
        }
        if self.long > 0 {
            cut.push(format!(
                "{} rows left out, longer than {} bytes each",
                self.long,
                super::LONGEST_ROW_BYTES
            ));
        }
        if self.beyond > 0 {
            cut.push(format!("{} rows left out, beyond {} bytes in all", self.beyond, super::LONGEST_BYTES));
        }
        let outcome = match cut.is_empty() {
            true => Outcome::default(),
            false => Outcome::new(Verdict::Partial, Reason::Other).detail(cut.join("; ")),
        };
        Done { key, fragment: Fragment::Value(self.json), outcome: Outcome { rows: self.kept, ..outcome } }
    }
}

/// JSON that names a thing twice means something else to each reader.
fn unambiguous(line: &str) -> Result<()> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = Option<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("a row")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
            let (mut names, mut twice) = (BTreeSet::new(), None);
            while let Some((name, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
                if !names.insert(name.clone()) {
                    twice = Some(name);
                }
            }
            Ok(twice)
        }
    }
    match serde_json::Deserializer::from_str(line).deserialize_map(Names)? {
        Some(name) => Err(format!("two columns are called {name}: give each a name of its own").into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(done: &Done) -> String {
        match &done.fragment {
            Fragment::Value(json) => String::from_utf8(json.clone()).unwrap(),
            Fragment::Nothing | Fragment::Fields(_) => panic!("no rows"),
        }
    }

    #[test]
    fn rows_become_an_array_on_one_line() {
        let mut answer = Answer::default();
        answer.take(Some("{\"a\":\n1}"), false, 2).unwrap();
        answer.take(Some("{\"a\":2}"), false, 2).unwrap();
        answer.take(Some("{\"a\":3}"), false, 2).unwrap();
        let done = answer.done("x", 2);
        assert_eq!(read(&done), "[{\"a\": 1},{\"a\":2}]");
        assert_eq!((done.outcome.rows, done.outcome.verdict), (2, Verdict::Partial));
        assert_eq!(read(&Answer::default().done("x", 1)), "[]");
    }

    #[test]
    fn what_is_left_out_is_counted_and_what_is_no_json_fails() {
        let mut answer = Answer::default();
        answer.take(None, true, 9).unwrap();
        answer.take(None, false, 9).unwrap();
        let detail = answer.done("x", 9).outcome.detail.unwrap();
        assert!(detail.contains("longer than 65536") && detail.contains("beyond 1048576"), "{detail}");
        for bad in ["{\"a\":1,\"a\":2}", "{\"a\":}", "{\"a\":1}]", "{\"a\":1e400}"] {
            assert!(Answer::default().take(Some(bad), false, 9).is_err(), "{bad}");
        }
    }
}
