//! How fast WAL grows: the distance between the positions of two runs, over the server's own time between them.
//!
//! The last run's position is kept in a small file once its batch is sealed. Losing it, or anything wrong with it, costs
//! one rate. Positions of two timelines, of a primary and the standby that it was, or of a standby that took up again
//! before where it was, are no distance.

use std::io::Read;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::collect::part::{encode, thousandths};
use crate::collect::{Cx, Keep};
use crate::state;

const MAX_BYTES: u64 = 4096;
const MIB: f64 = 1_048_576.0;
const HOUR_US: f64 = 3.6e9;

/// Where a server's WAL stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    pub timeline: i32,
    pub in_recovery: bool,
    pub bytes: i64,
    /// By the server's clock.
    pub at_us: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Growth {
    pub growth_rate_mb_per_hour: f64,
    /// The time that the rate is of.
    pub growth_interval_s: f64,
}

/// What lies between two positions, or why nothing can be said.
pub(super) fn growth(previous: Option<Position>, now: Position) -> Result<Growth, &'static str> {
    let Some(before) = previous else { return Err("no position of an earlier run to compare with") };
    if (before.timeline, before.in_recovery) != (now.timeline, now.in_recovery) {
        return Err("another timeline, or another role, than in the previous run");
    }
    let (bytes, us) = (now.bytes - before.bytes, now.at_us - before.at_us);
    if bytes < 0 || us <= 0 {
        return Err("the position, or the server's clock, went back since the previous run");
    }
    Ok(Growth {
        growth_rate_mb_per_hour: thousandths(bytes as f64 / MIB * HOUR_US / us as f64),
        growth_interval_s: thousandths(us as f64 / 1e6),
    })
}

pub(super) fn read(cx: &Cx) -> Option<Position> {
    let mut text = Vec::new();
    state::open(&path(cx)).ok()?.take(MAX_BYTES).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

pub(super) fn keep(cx: &Cx, now: Position) -> Keep {
    Keep::File { path: path(cx), content: encode(&now), answered: Vec::new() }
}

fn path(cx: &Cx) -> PathBuf {
    cx.kept("previous", ".wal.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: Position = Position { timeline: 1, in_recovery: false, bytes: 5_000_000, at_us: 1_000_000 };

    #[test]
    fn a_rate_is_of_the_time_between() {
        let now = Position { bytes: THEN.bytes + 2 * 1_048_576, at_us: THEN.at_us + 90_000_000, ..THEN };
        let expected = Growth { growth_rate_mb_per_hour: 80.0, growth_interval_s: 90.0 };
        assert_eq!(growth(Some(THEN), now), Ok(expected));
        let still = Position { at_us: now.at_us, ..THEN };
        assert_eq!(growth(Some(THEN), still).unwrap().growth_rate_mb_per_hour, 0.0);
    }

    #[test]
    fn what_is_no_distance_is_no_rate() {
        let later = Position { bytes: THEN.bytes + 1, at_us: THEN.at_us + 1, ..THEN };
        assert!(growth(None, later).is_err());
        for now in [
            Position { timeline: 2, ..later },
            Position { in_recovery: true, ..later },
            Position { bytes: THEN.bytes - 1, ..later },
            Position { at_us: THEN.at_us, ..later },
        ] {
            assert!(growth(Some(THEN), now).is_err(), "{now:?}");
        }
    }
}
