//! The breaker towards the backend: pure, kept in the ledger, since a process that lives for a second cannot
//! remember. Closed while things go well; after [`OPENS_AFTER`] failed runs in a row it stays open for a while that
//! doubles; the first run after that sends exactly one batch, and drains on when it is acknowledged.

use serde::{Deserialize, Serialize};

const OPENS_AFTER: u32 = 3;
const FIRST_S: i64 = 60;
const LONGEST_S: i64 = 900;
/// The longest wait that a backend may ask for.
pub const LONGEST_RETRY_AFTER_S: i64 = 3600;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    #[serde(default)]
    pub failures: u32,
    /// Unix seconds: nothing is sent before.
    #[serde(default)]
    pub open_until: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    Closed,
    /// One batch, to see.
    HalfOpen,
    Open {
        until: i64,
    },
}

impl Breaker {
    pub fn gate(&self, now: i64) -> Gate {
        match self.open_until {
            // Further ahead than it could ever have been set: the clock was, not the backend.
            Some(until) if until > now && until - now <= LONGEST_RETRY_AFTER_S => Gate::Open { until },
            _ if self.failures >= OPENS_AFTER => Gate::HalfOpen,
            _ => Gate::Closed,
        }
    }

    pub fn name(&self, now: i64) -> &'static str {
        match self.gate(now) {
            Gate::Closed => "closed",
            Gate::HalfOpen => "half_open",
            Gate::Open { .. } => "open",
        }
    }

    /// One more run whose push failed. What the backend asked for wins over our own reckoning; `seed` spreads a fleet.
    pub fn failed(self, now: i64, retry_after_s: Option<i64>, seed: u64) -> Breaker {
        let failures = self.failures.saturating_add(1);
        let open_until = match retry_after_s {
            Some(s) => Some(now + s.clamp(1, LONGEST_RETRY_AFTER_S)),
            None if failures >= OPENS_AFTER => Some(now + back_off_s(failures - OPENS_AFTER, seed)),
            None => None,
        };
        Breaker { failures, open_until }
    }
}

/// 60, 120, 240 ... 900 seconds, up to a quarter less by the seed.
fn back_off_s(step: u32, seed: u64) -> i64 {
    let full = LONGEST_S.min(FIRST_S << step.min(10));
    full - i64::try_from(seed % 1000).unwrap_or(0) * full / 4000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(failures: u32) -> Breaker {
        (0..failures).fold(Breaker::default(), |b, _| b.failed(1000, None, 0))
    }

    #[test]
    fn opens_after_three_failed_runs_and_half_opens_when_the_time_is_up() {
        assert_eq!(after(2).gate(1000), Gate::Closed);
        assert_eq!(after(3).gate(1000), Gate::Open { until: 1060 });
        assert_eq!(after(3).gate(1060), Gate::HalfOpen);
        assert_eq!(after(4).gate(1060), Gate::Open { until: 1120 });
        assert_eq!(after(60).gate(1899), Gate::Open { until: 1900 });
    }

    #[test]
    fn what_the_backend_asks_for_wins_within_bounds() {
        assert_eq!(Breaker::default().failed(1000, Some(30), 0).gate(1029), Gate::Open { until: 1030 });
        assert_eq!(Breaker::default().failed(1000, Some(30), 0).gate(1030), Gate::Closed);
        assert_eq!(Breaker::default().failed(1000, Some(1 << 40), 0).open_until, Some(4600));
    }

    #[test]
    fn an_instant_beyond_every_bound_is_void() {
        let stepped_back = Breaker { failures: 0, open_until: Some(1_000_000) };
        assert_eq!(stepped_back.gate(1000), Gate::Closed);
    }

    #[test]
    fn a_fleet_spreads_but_never_beyond_the_full_wait() {
        let waits: Vec<i64> =
            (0..1000).map(|seed| after(5).failed(1000, None, seed).open_until.unwrap()).collect();
        assert!(waits.iter().all(|w| (1360..=1480).contains(w)));
        assert!(waits.iter().collect::<std::collections::BTreeSet<_>>().len() > 50);
    }
}
