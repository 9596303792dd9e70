//! Autovacuum and autoanalyze.

use serde::Serialize;

use super::top::Top;
use super::{Seen, ms_after};
use crate::collect::pg_log::entry;
use crate::collect::pg_log::read::{after, before, count_of, number};
use crate::collect::pg_log::times::written;

const MOST: usize = 60;

pub(super) struct Vacuums {
    count: u64,
    elapsed_ms: f64,
    /// Those that took longest.
    rows: Top<Vacuum>,
}

impl Default for Vacuums {
    fn default() -> Vacuums {
        Vacuums { count: 0, elapsed_ms: 0.0, rows: Top::new(MOST) }
    }
}

#[derive(Serialize)]
pub(super) struct Told {
    count: u64,
    elapsed_ms: f64,
    rows: Vec<Vacuum>,
}

#[derive(Debug, Default, PartialEq, Serialize)]
struct Vacuum {
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    database: String,
    schema: String,
    table: String,
    aggressive: bool,
    wraparound: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    index_scans: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pages_removed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pages_remain: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tuples_removed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tuples_remain: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tuples_not_removable: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_mb_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_mb_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wal_records: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wal_fpi: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wal_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_ms: Option<f64>,
}

impl Vacuums {
    pub(super) fn add(&mut self, seen: &Seen) {
        let mut row = read(&seen.entry.message);
        row.at = seen.at_us.map(written);
        self.count += 1;
        let elapsed_ms = row.elapsed_ms.unwrap_or_default();
        self.elapsed_ms += elapsed_ms;
        self.rows.push(elapsed_ms, || row);
    }

    pub(super) fn told(self) -> Told {
        let elapsed_ms = (self.elapsed_ms * 1000.0).round() / 1000.0;
        Told { count: self.count, elapsed_ms, rows: self.rows.told() }
    }
}

fn read(message: &[u8]) -> Vacuum {
    let line = |word: &str| {
        let rest = after(message, word)?;
        Some(&rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())])
    };
    let of = |word: &str, unit: &str| count_of(line(word)?, unit);
    let named = after(message, "table \"").unwrap_or_default();
    let end = ["\"\n", "\": ", "\" system usage"].iter().find_map(|end| before(named, end));
    let name = entry::text(end.unwrap_or_else(|| named.strip_suffix(b"\"").unwrap_or(named)));
    let mut names = name.splitn(3, '.').map(str::to_owned);
    let mut next = || names.next().unwrap_or_default();
    let (database, schema, table) = (next(), next(), next());
    let head = before(message, "table \"").unwrap_or_default();
    Vacuum {
        at: None,
        database,
        schema,
        table,
        aggressive: after(head, "aggressive").is_some(),
        wraparound: after(head, "wraparound").is_some(),
        index_scans: line("index scans: ").and_then(number).map(|n| n as u64),
        pages_removed: of("pages: ", " removed"),
        pages_remain: of("pages: ", " remain"),
        tuples_removed: of("tuples: ", " removed"),
        tuples_remain: of("tuples: ", " remain"),
        tuples_not_removable: of("tuples: ", " are dead but not yet removable"),
        read_mb_per_s: line("avg read rate: ").and_then(number),
        write_mb_per_s: line("avg write rate: ").and_then(number),
        wal_records: of("WAL usage: ", " records"),
        wal_fpi: of("WAL usage: ", " full page images"),
        wal_bytes: of("WAL usage: ", " bytes"),
        elapsed_ms: ms_after(message, "elapsed: ").map(|s| (s * 1000.0).round()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_read() {
        let old = read(
            b"automatic vacuum of table \"app.public.t\": index scans: 1\n\tpages: 5 removed, 45 remain, 0 skipped due to pins, 0 skipped frozen\n\t\
              tuples: 1000 removed, 100 remain, 7 are dead but not yet removable, oldest xmin: 741\n\tbuffer usage: 200 hits, 1 misses, 3 dirtied\n\t\
              avg read rate: 0.250 MB/s, avg write rate: 2.500 MB/s\n\tsystem usage: CPU: user: 0.01 s, system: 0.00 s, elapsed: 0.03 s\n\t\
              WAL usage: 300 records, 4 full page images, 56789 bytes",
        );
        let expected = Vacuum {
            database: "app".into(),
            schema: "public".into(),
            table: "t".into(),
            index_scans: Some(1),
            pages_removed: Some(5),
            pages_remain: Some(45),
            tuples_removed: Some(1000),
            tuples_remain: Some(100),
            tuples_not_removable: Some(7),
            read_mb_per_s: Some(0.25),
            write_mb_per_s: Some(2.5),
            wal_records: Some(300),
            wal_fpi: Some(4),
            wal_bytes: Some(56789),
            elapsed_ms: Some(30.0),
            ..Vacuum::default()
        };
        assert_eq!(old, expected);
        let new = read(
            b"automatic aggressive vacuum to prevent wraparound of table \"app.public.t\": index scans: 1\n\
              pages: 5 removed, 45 remain, 45 scanned (90.00% of total), 0 eagerly scanned\ntuples: 1000 removed, 100 remain, 7 are dead but not yet removable\n\
              avg read rate: 0.250 MB/s, avg write rate: 2.500 MB/s\nbuffer usage: 200 hits, 1 reads, 3 dirtied\n\
              WAL usage: 300 records, 4 full page images, 56789 bytes, 0 buffers full\nsystem usage: CPU: user: 0.01 s, system: 0.00 s, elapsed: 0.03 s",
        );
        assert_eq!(new, Vacuum { aggressive: true, wraparound: true, ..expected });
        let analyze = read(b"automatic analyze of table \"app.public.t\"\n\tsystem usage: CPU: user: 0.01 s, elapsed: 0.05 s");
        assert_eq!((analyze.table.as_str(), analyze.elapsed_ms), ("t", Some(50.0)));
        let analyze = read(
            b"automatic analyze of table \"app.public.t\" system usage: CPU: user: 0.00 s, elapsed: 0.00 s",
        );
        assert_eq!(analyze.database, "app");
    }
}
