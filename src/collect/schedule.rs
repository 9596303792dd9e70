//! What is due. Pure: the ledger's memory and the clock in, yes or no out.
//!
//! Cron ticks come with jitter, so a part is due once half a tick less than its interval has passed: fixed boundaries
//! would lose ticks. A clock that was set back makes everything due. Parts that have never run start at once when
//! they are quick to come round again, so that a first look is complete, and otherwise at a moment of their own, so
//! that a fleet spreads.

/// Parts that return within this many seconds run on their first occasion.
const AT_ONCE_S: i64 = 600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    pub due: bool,
    /// What the ledger should remember as its last run: when it ran, or, where it waits for its first time, at once.
    pub last: i64,
}

pub fn turn(every_s: i64, interval_s: i64, last: Option<i64>, now: i64, seed: u64) -> Turn {
    let slack = interval_s / 2;
    match last {
        Some(last) if now < last => Turn { due: true, last: now },
        Some(last) => Turn { due: now - last >= every_s - slack, last: now },
        None if every_s <= AT_ONCE_S => {
            let spread = (every_s - slack - interval_s).max(1);
            Turn { due: true, last: now - modulo(seed, spread) }
        }
        None => Turn { due: false, last: now - every_s + modulo(seed, every_s) },
    }
}

fn modulo(seed: u64, n: i64) -> i64 {
    i64::try_from(seed % n.max(1).unsigned_abs()).unwrap_or(0)
}

/// FNV-1a: the same on every host and in every release, which is all that is asked of it.
pub fn seed(parts: &[&str]) -> u64 {
    parts
        .iter()
        .flat_map(|part| part.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Ticks of a cron that is up to 5 s late, differently each time: when a part ran.
    fn ticks(id: u64, every_s: i64, n: i64) -> Vec<i64> {
        let mut last = None;
        let mut ran = Vec::new();
        for tick in 0..n {
            let now = tick * 60 + modulo(seed(&[&id.to_string(), &tick.to_string()]), 6);
            let turn = turn(every_s, 60, last, now, seed(&["part", &id.to_string()]));
            if turn.due {
                ran.push(tick);
            }
            if turn.due || last.is_none() {
                last = Some(turn.last);
            }
        }
        ran
    }

    #[test]
    fn every_hourly_part_runs_once_an_hour_and_the_fleet_spreads() {
        let mut by_minute: BTreeMap<i64, u32> = BTreeMap::new();
        for id in 0..200 {
            let ran = ticks(id, 3600, 120);
            assert!((1..=2).contains(&ran.len()), "{ran:?}");
            assert!(ran.windows(2).all(|w| w[1] - w[0] == 60), "{ran:?}");
            *by_minute.entry(ran[0]).or_default() += 1;
            let hours: BTreeSet<i64> = ran.iter().map(|t| (t - ran[0]) / 60).collect();
            assert_eq!(hours.len(), ran.len());
        }
        assert!(by_minute.len() > 45, "200 first runs fall into {} of 60 minutes", by_minute.len());
        assert!(by_minute.values().all(|n| *n < 12), "{by_minute:?}");
    }

    #[test]
    fn five_minute_parts_run_at_once_and_then_every_five_minutes() {
        let mut seconds = BTreeSet::new();
        for id in 0..200 {
            let ran = ticks(id, 300, 120);
            assert_eq!(ran[0], 0);
            assert!((1..=5).contains(&ran[1]));
            assert!(ran[1..].windows(2).all(|w| w[1] - w[0] == 5), "{ran:?}");
            seconds.insert(ran[1]);
        }
        assert!(seconds.len() >= 4, "{seconds:?}");
    }

    #[test]
    fn three_runs_back_to_back_do_slow_things_once() {
        for id in 0..200 {
            let first = turn(300, 60, None, 1000, id);
            assert!(first.due);
            for now in [1001, 1002, 1050] {
                assert!(!turn(300, 60, Some(first.last), now, id).due, "id {id}");
            }
        }
    }

    #[test]
    fn a_clock_set_back_loses_nothing_and_a_downtime_yields_one_run() {
        assert_eq!(turn(3600, 60, Some(5000), 4000, 0), Turn { due: true, last: 4000 });
        assert_eq!(turn(3600, 60, Some(0), 1_000_000, 0), Turn { due: true, last: 1_000_000 });
        assert!(!turn(3600, 60, Some(1_000_000), 1_000_060, 0).due);
    }
}
