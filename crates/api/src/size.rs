//! `size`: how much room collectors take, before any of them runs. Arithmetic over what was measured, and nothing else: no
//! database is asked.
//!
//! Owns what a row takes and how often it comes. A test lets real collectors fill a database and compares.

use std::fmt::Write;

use clap::Args;

use crate::retention::{Retention, TABLES};

const DAY_S: f64 = 86_400.0;

/// What is watched, and for how long it is kept.
#[derive(Args, Clone, Debug)]
pub struct Shape {
    /// How many collectors push
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    collectors: u32,
    /// Days kept, as RETENTION_DAYS has it: 30, or 30,query_stats=14
    #[arg(long, default_value = "", value_parser = Retention::parse, hide_default_value = true)]
    days: Retention,
    /// Databases that each collector watches
    #[arg(long, default_value_t = 3)]
    databases: u32,
    /// Tables in each database, up to its tables_limit
    #[arg(long, default_value_t = 20)]
    tables: u32,
    /// Indexes in each database, up to its indexes_limit
    #[arg(long, default_value_t = 40)]
    indexes: u32,
    /// Statements of each database, up to its query_stats_limit
    #[arg(long, default_value_t = 100)]
    statements: u32,
    /// Standbys of each watched server
    #[arg(long, default_value_t = 0)]
    standbys: u32,
    /// Replication slots of each watched server
    #[arg(long, default_value_t = 0)]
    slots: u32,
    /// Seconds between two runs
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    interval: u32,
}

/// Rows of a table that one collector adds in a day, and the bytes of each with its share of the indexes.
struct Growth {
    rows: f64,
    bytes: f64,
}

/// Bytes measured on PostgreSQL 18 after a vacuum, each row with its share of the indexes.
const QUERY: f64 = 558.0;
const TABLE: f64 = 330.0;
const INDEX: f64 = 185.0;
const WRAPAROUND: f64 = 224.0;
const STANDBY: f64 = 360.0;
const SLOT: f64 = 230.0;
/// An item, and what lists of tables and indexes in some of them add for each of those.
const ITEM: (f64, f64) = (1_130.0, 0.4);
const RARE_ITEM: (f64, f64) = (690.0, 3.75);
/// Write-ahead log for each row, with the full pages after each checkpoint.
const WAL: f64 = 515.0;
/// Once for each collector, however long it is watched: what `latest`, `collectors` and its share of `batches` take.
const ONCE: f64 = 12_000.0;
/// A statement's text, once.
const TEXT: f64 = 220.0;

impl Shape {
    /// In the order of [`TABLES`].
    fn growth(&self) -> [Growth; TABLES.len()] {
        let per_day = |seconds: f64| DAY_S / seconds.max(f64::from(self.interval));
        let (runs, databases) = (per_day(60.0), f64::from(self.databases));
        let of_each = |count: u32| runs * databases * f64::from(count);
        // Ten of the server, one of the host and one of the collector itself; two of each database.
        let often = runs * (12.0 + 2.0 * databases)
            + per_day(300.0) * (2.0 + databases)
            + per_day(3600.0) * databases;
        let rare = per_day(3600.0) * (1.0 + 4.0 * databases);
        let relations = f64::from(self.tables) + f64::from(self.indexes);
        let item = |(alone, each): (f64, f64)| alone + each * relations;
        let growth = |rows, bytes| Growth { rows, bytes };
        [
            growth(often, item(ITEM)),
            growth(rare, item(RARE_ITEM)),
            growth(of_each(self.statements), QUERY),
            growth(of_each(self.tables), TABLE),
            growth(of_each(self.indexes), INDEX),
            growth(runs * f64::from(self.standbys), STANDBY),
            growth(runs * f64::from(self.slots), SLOT),
            // The server's own three databases as well; each hour what each database has to say.
            growth(runs * (databases + 3.0) + per_day(3600.0) * databases, WRAPAROUND),
        ]
    }

    /// For people: a line for each table, and what it comes to.
    pub fn told(&self) -> String {
        let collectors = f64::from(self.collectors);
        let mut text = format!(
            "{} collectors, each with {} databases of {} tables, {} indexes and {} statements, a run each {} s\n\n\
             {:<20}{:>18}{:>12}{:>16}{:>7}{:>20}\n",
            self.collectors,
            self.databases,
            self.tables,
            self.indexes,
            self.statements,
            self.interval,
            "table",
            "rows a day",
            "bytes each",
            "bytes a day",
            "days",
            "bytes kept",
        );
        let (mut rows, mut daily, mut kept) = (0.0, 0.0, 0.0);
        for (at, (table, growth)) in TABLES.iter().zip(self.growth()).enumerate() {
            let (added, days) = (growth.rows * collectors, self.days.days(at));
            // Whole partitions go, and the one of today is there.
            let held = (days + table.step) as f64;
            let each = [whole(added), whole(growth.bytes), whole(added * growth.bytes)];
            let [added_text, bytes, a_day] = each;
            let all = added * growth.bytes * held;
            let _ = writeln!(
                text,
                "{:<20}{added_text:>18}{bytes:>12}{a_day:>16}{days:>7}{:>20}",
                table.name,
                whole(all)
            );
            (rows, daily, kept) = (rows + added, daily + added * growth.bytes, kept + all);
        }
        let texts = f64::from(self.databases) * f64::from(self.statements) * TEXT;
        let once = collectors * (ONCE + texts);
        let _ = writeln!(
            text,
            "{:<20}{:>18}{:>12}{:>16}{:>7}{:>20}",
            "what does not grow",
            "",
            "",
            "",
            "",
            whole(once)
        );
        let _ = writeln!(
            text,
            "{:<20}{:>18}{:>12}{:>16}{:>7}{:>20}",
            "all",
            whole(rows),
            "",
            whole(daily),
            "",
            whole(kept + once)
        );
        let _ = write!(
            text,
            "\nRows a second: {:.0}. Write-ahead log: {} bytes a day, {WAL:.0} a row.\n\n{RESTS_ON}\n",
            rows / DAY_S,
            whole(rows * WAL),
        );
        text
    }
}

const RESTS_ON: &str = "\
It rests on bytes of rows that a real collector stored (a test holds them to within a fifth), on the default switches and intervals,
and on the numbers above being there in each minute. Longer names, [[custom]], pg_schema and server logs with much in them come on
top. Leave half as much again free: for vacuum, for days with more, for a restore beside the old database.";

/// With commas.
fn whole(n: f64) -> String {
    let digits = format!("{n:.0}");
    let first = digits.len() % 3;
    let (head, rest) = digits.split_at(first);
    let groups = rest.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let all: Vec<String> =
        Some(head.to_owned()).filter(|head| !head.is_empty()).into_iter().chain(groups).collect();
    all.join(",")
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn numbers_are_read_by_people() {
        assert_eq!(["0", "999", "1,000", "12,345,678"], [0.0, 999.0, 1e3, 12_345_678.4].map(whole)[..]);
    }
}
