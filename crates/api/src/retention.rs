//! How long each table keeps what it has, and in which pieces of time it is kept: pure.
//!
//! A table that grows with time is cut into partitions of whole days, which are made ahead and dropped whole. Kinds of
//! items that come rarely have a table of their own, so that a year of them does not cost a year of the others.

use anyhow::{Result, bail, ensure};
use jiff::{SignedDuration, Timestamp};

use crate::family::FAMILIES;

const DAY_S: i64 = 86_400;

/// A table that is partitioned by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    /// Days in a partition.
    pub step: i64,
    /// Days that are kept unless the configuration says otherwise.
    pub keep: i64,
}

pub const OFTEN: usize = 0;
pub const RARE: usize = 1;
/// Families follow, in their order.
pub const FAMILY: usize = 2;

/// Kinds of items in `metrics_rare`; the migration has the same list.
pub const RARE_KINDS: &[&str] =
    &["pg_schema", "pg_extensions", "pg_settings", "pg_security", "pg_sequences", "pg_bloat"];

pub const TABLES: &[Table] = &[
    Table { name: "metrics_often", step: 1, keep: 30 },
    Table { name: "metrics_rare", step: 7, keep: 400 },
    Table { name: "query_stats", step: 1, keep: 30 },
    Table { name: "table_stats", step: 1, keep: 30 },
    Table { name: "index_stats", step: 1, keep: 30 },
    Table { name: "replication_status", step: 1, keep: 30 },
    Table { name: "replication_slots", step: 1, keep: 30 },
    Table { name: "wraparound_risk", step: 1, keep: 30 },
];

/// A partition: its table, and the day since 1970 with which it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Piece {
    pub table: usize,
    pub day: i64,
}

impl Piece {
    pub fn of(table: usize, at: Timestamp) -> Piece {
        let step = TABLES[table].step;
        Piece { table, day: at.as_second().div_euclid(DAY_S).div_euclid(step) * step }
    }

    pub fn next(self) -> Piece {
        Piece { day: self.day + TABLES[self.table].step, ..self }
    }

    pub fn name(self) -> String {
        format!("{}_{}", TABLES[self.table].name, day(self.day).strftime("%Y%m%d"))
    }

    /// The bounds as the server reads them.
    pub fn range(self) -> (String, String) {
        let text = |piece: Piece| day(piece.day).strftime("%Y-%m-%d 00:00:00+00").to_string();
        (text(self), text(self.next()))
    }

    pub fn ends_before(self, at: Timestamp) -> bool {
        self.next().day * DAY_S <= at.as_second()
    }

    /// Of a name that [`Piece::name`] made.
    pub fn named(table: usize, name: &str) -> Option<Piece> {
        let date = name.strip_prefix(TABLES[table].name)?.strip_prefix('_')?;
        let date = jiff::civil::Date::strptime("%Y%m%d", date).ok()?;
        let at = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        Some(Piece { table, day: at.as_second() / DAY_S })
    }
}

fn day(day: i64) -> jiff::Zoned {
    let at = Timestamp::from_second(day * DAY_S).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(jiff::tz::TimeZone::UTC)
}

/// Days kept, by table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention(Vec<i64>);

impl Default for Retention {
    fn default() -> Retention {
        Retention(TABLES.iter().map(|table| table.keep).collect())
    }
}

impl Retention {
    /// `30`, or `query_stats=14,metrics_rare=1000`, or both: a bare number is for all that are not rare.
    pub fn parse(text: &str) -> Result<Retention> {
        let mut kept = Retention::default();
        let days = |text: &str| match text.trim().parse() {
            Ok(days @ 1..=36_500) => Ok(days),
            _ => bail!("{text:?} is no number of days from 1 to 36500"),
        };
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let Some((name, value)) = word.split_once('=') else {
                let all = days(word)?;
                kept.0.iter_mut().enumerate().filter(|(at, _)| *at != RARE).for_each(|(_, d)| *d = all);
                continue;
            };
            let table = TABLES.iter().position(|table| table.name == name.trim());
            ensure!(table.is_some(), "{name:?} is no table: {}", names());
            kept.0[table.unwrap_or(OFTEN)] = days(value)?;
        }
        Ok(kept)
    }

    pub fn days(&self, table: usize) -> i64 {
        self.0[table]
    }

    /// What a table has from before is dropped.
    pub fn since(&self, table: usize, now: Timestamp) -> Timestamp {
        now.checked_sub(SignedDuration::from_hours(24 * self.0[table])).unwrap_or(Timestamp::MIN)
    }

    /// The oldest item of this kind that all of its tables keep.
    pub fn oldest(&self, kind: &str, now: Timestamp) -> Timestamp {
        let families = FAMILIES.iter().enumerate().filter(|(_, family)| family.kind == kind);
        let tables = families.map(|(at, _)| FAMILY + at).chain([table_of(kind)]);
        tables.map(|table| self.since(table, now)).max().unwrap_or(Timestamp::MIN)
    }
}

/// Where items of this kind are kept.
pub fn table_of(kind: &str) -> usize {
    if RARE_KINDS.contains(&kind) { RARE } else { OFTEN }
}

fn names() -> String {
    TABLES.iter().map(|table| table.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{FAMILIES, FAMILY, OFTEN, Piece, RARE, Retention, TABLES};

    fn at(text: &str) -> jiff::Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn families_have_their_tables_in_order() {
        let families: Vec<_> = FAMILIES.iter().map(|family| family.table).collect();
        assert_eq!(TABLES[FAMILY..].iter().map(|table| table.name).collect::<Vec<_>>(), families);
    }

    #[test]
    fn a_piece_holds_whole_days() {
        let piece = Piece::of(OFTEN, at("2026-11-26T23:59:59.999999Z"));
        assert_eq!(piece.name(), "metrics_often_20261126");
        assert_eq!(piece.range(), ("2026-11-26 00:00:00+00".into(), "2026-11-27 00:00:00+00".into()));
        assert_eq!(Piece::of(OFTEN, at("2026-11-27T00:00:00Z")), piece.next());
        assert!(piece.ends_before(at("2026-11-27T00:00:00Z")));
        assert!(!piece.ends_before(at("2026-11-26T23:59:59Z")));
        assert_eq!(Piece::named(OFTEN, &piece.name()), Some(piece));
        assert_eq!(Piece::named(OFTEN, "metrics_often_default"), None);
        let rare = Piece::of(RARE, at("2026-11-26T12:00:00Z"));
        assert_eq!((rare.next().day - rare.day, rare.day % 7), (7, 0));
        assert_eq!(Piece::of(RARE, at("1969-12-31T00:00:00Z")).day, -7);
    }

    #[test]
    fn what_is_kept_can_be_told_by_table() {
        let kept = Retention::parse("10, query_stats=3").unwrap();
        assert_eq!((kept.days(OFTEN), kept.days(RARE), kept.days(FAMILY)), (10, 400, 3));
        let now = at("2026-11-26T00:00:00Z");
        assert_eq!(kept.oldest("pg_wal", now), at("2026-11-16T00:00:00Z"));
        assert_eq!(kept.oldest("pg_query_stats", now), at("2026-11-23T00:00:00Z"), "its rows go first");
        assert_eq!(kept.oldest("pg_bloat", now), at("2025-10-22T00:00:00Z"));
        for wrong in ["0", "a", "query=3", "query_stats=-1", "40000"] {
            assert!(Retention::parse(wrong).is_err(), "{wrong}");
        }
    }
}
