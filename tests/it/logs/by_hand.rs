//! A log that the test writes itself, entry by entry, so that each can be told from all others: its code is its number.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use tempfile::TempDir;

use super::{home, items};
use crate::support::cluster::shared;
use crate::support::home::Home;
use crate::support::majors;

/// The server says how lines begin; the file is ours.
pub(super) struct Written {
    pub(super) home: Home,
    dir: TempDir,
    name: &'static str,
    /// Entries so far.
    pub(super) count: u32,
}

pub(super) const NAMES: [&str; 3] = ["server.log", "server.csv", "server.json"];

impl Written {
    pub(super) fn new(name: &'static str) -> Written {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::write(&path, "").unwrap();
        let port = shared(majors()[0]).port();
        let home = home(port, &format!("log_file = \"{}\"", path.display()));
        Written { home, dir, name, count: 0 }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.dir.path().join(self.name)
    }

    pub(super) fn append(&self, bytes: &[u8]) {
        File::options().create(true).append(true).open(self.path()).unwrap().write_all(bytes).unwrap();
    }

    /// So many more entries, of some lines each.
    pub(super) fn more(&mut self, entries: u32) {
        for _ in 0..entries {
            let bytes = self.entry("a message");
            self.append(bytes.as_bytes());
        }
    }

    /// The next entry, with a code of its own.
    pub(super) fn entry(&mut self, message: &str) -> String {
        let n = self.count;
        self.count += 1;
        let code = code(n);
        let at = format!("2026-02-03 04:05:{:02}.{:03} UTC", n / 1000 % 60, n % 1000);
        match self.name {
            "server.csv" => format!(
                "{at},\"me\",\"app\",7,\"[local]\",65.1,3,\"SELECT\",2026-02-03 04:05:06 UTC,3/4,0,ERROR,{code},\"{message}\",\"a \"\"detail\"\"\nof two lines\",,,,,\"select 1,\n2\",15,,\"psql\",\"client backend\",,0\n"
            ),
            "server.json" => format!(
                "{{\"timestamp\":\"{at}\",\"pid\":7,\"error_severity\":\"ERROR\",\"state_code\":\"{code}\",\"message\":\"{message}\",\"detail\":\"of\\ntwo lines\"}}\n"
            ),
            _ => format!(
                "{at} [7] ERROR:  {code}: {message}\n{at} [7] DETAIL:  of\n\ttwo lines\n{at} [7] STATEMENT:  select\n\t1\n"
            ),
        }
    }

    /// How often each number was told.
    pub(super) fn told(&self) -> BTreeMap<u32, u64> {
        let mut told = BTreeMap::new();
        for item in items(&self.home) {
            for row in item["sqlstates"].as_array().into_iter().flatten() {
                let digits = &row["sqlstate"].as_str().unwrap()[1..];
                *told.entry(digits.parse().unwrap()).or_default() += row["count"].as_u64().unwrap();
            }
        }
        told
    }

    /// Each once.
    #[track_caller]
    pub(super) fn assert_complete(&self, from: u32, why: &str) {
        let expected: BTreeMap<u32, u64> = (from..self.count).map(|n| (n, 1)).collect();
        let told = self.told();
        let wrong: Vec<_> = (from..self.count).filter(|n| told.get(n) != Some(&1)).take(10).collect();
        assert!(
            told == expected,
            "{why}: of {} entries {} were told; wrong: {wrong:?}",
            self.count,
            told.len()
        );
    }
}

/// `Z0000` and on.
fn code(n: u32) -> String {
    format!("Z{:04}", n % 10_000)
}
