//! The breaker towards the database: after a few failures in a row it is left alone for a while, then asked by one.
//!
//! Pure but for the lock around it: the moment comes from outside. Collectors keep what is refused meanwhile.

use std::sync::Mutex;
use std::time::{Duration, Instant};

const FAILURES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
    },
    /// One is trying; should it never tell, the next may try after a pause.
    HalfOpen {
        until: Instant,
    },
}

#[derive(Debug)]
pub struct Breaker(Mutex<State>);

/// As it is exported: 0, 1, 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Closed = 0,
    Open = 1,
    HalfOpen = 2,
}

impl Default for Breaker {
    fn default() -> Breaker {
        Breaker(Mutex::new(State::Closed { failures: 0 }))
    }
}

impl Breaker {
    /// Whether the database may be asked now.
    pub fn allows(&self, now: Instant) -> bool {
        let mut state = self.state();
        match *state {
            State::Closed { .. } => true,
            State::Open { until } | State::HalfOpen { until } if now >= until => {
                *state = State::HalfOpen { until: now + PAUSE };
                true
            }
            _ => false,
        }
    }

    pub fn worked(&self) {
        *self.state() = State::Closed { failures: 0 };
    }

    pub fn failed(&self, now: Instant) {
        let mut state = self.state();
        *state = match *state {
            State::Closed { failures } if failures + 1 < FAILURES => State::Closed { failures: failures + 1 },
            _ => State::Open { until: now + PAUSE },
        };
    }

    pub fn shown(&self) -> Shown {
        match *self.state() {
            State::Closed { .. } => Shown::Closed,
            State::Open { .. } => Shown::Open,
            State::HalfOpen { .. } => Shown::HalfOpen,
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_failures_in_a_row_and_lets_one_try() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..FAILURES - 1 {
            breaker.failed(now);
        }
        breaker.worked();
        for _ in 0..FAILURES - 1 {
            breaker.failed(now);
            assert!(breaker.allows(now), "they were not in a row");
        }
        breaker.failed(now);
        assert_eq!((breaker.shown(), breaker.allows(now)), (Shown::Open, false));
        let later = now + PAUSE;
        assert!(breaker.allows(later), "one may try");
        assert_eq!((breaker.shown(), breaker.allows(later)), (Shown::HalfOpen, false));
        breaker.failed(later);
        assert!(!breaker.allows(later));
        assert!(breaker.allows(later + PAUSE));
        breaker.worked();
        assert_eq!((breaker.shown(), breaker.allows(later)), (Shown::Closed, true));
    }

    #[test]
    fn a_try_that_never_ends_does_not_keep_others_away_for_ever() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        (0..FAILURES).for_each(|_| breaker.failed(now));
        assert!(breaker.allows(now + PAUSE) && !breaker.allows(now + PAUSE));
        assert!(breaker.allows(now + 2 * PAUSE));
    }
}
