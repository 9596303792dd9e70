//! Sliding windows of a minute, one for each caller, in bounded memory: time comes from outside.
//!
//! A window counts by the second, and one second more than a minute, so that no minute wherever it begins holds more than
//! the limit. Past the bound on callers new ones share windows among themselves: they may be throttled together, but memory
//! does not grow and nobody known is pushed out.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

use super::{Caller, Standing};

const SECONDS: usize = 61;
/// Callers that have a window of their own.
const MOST: usize = 100_000;
/// Windows that the others share.
const SHARED: usize = 1024;

#[derive(Clone, Copy)]
struct Window {
    counts: [u16; SECONDS],
    newest: u64,
}

#[derive(Default)]
struct Own {
    windows: HashMap<Caller, Window>,
    /// When it was last looked at what is over: once a second is enough, and for each request would be too often.
    swept: u64,
}

pub struct Windows {
    own: Mutex<Own>,
    shared: Mutex<Vec<Window>>,
    hasher: RandomState,
}

impl Default for Windows {
    fn default() -> Windows {
        Windows {
            own: Mutex::default(),
            shared: Mutex::new(vec![Window::new(0); SHARED]),
            hasher: RandomState::new(),
        }
    }
}

impl Windows {
    pub fn count(&self, caller: Caller, limit: u32, now_s: u64) -> Standing {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if own.windows.len() >= MOST && own.swept != now_s {
            own.swept = now_s;
            own.windows.retain(|_, window| window.newest + SECONDS as u64 > now_s);
        }
        let room = own.windows.len() < MOST;
        match own.windows.entry(caller) {
            Entry::Occupied(mut known) => known.get_mut().count(limit, now_s),
            Entry::Vacant(new) if room => new.insert(Window::new(now_s)).count(limit, now_s),
            Entry::Vacant(_) => {
                drop(own);
                let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                let at = self.hasher.hash_one(caller) as usize % SHARED;
                shared[at].count(limit, now_s)
            }
        }
    }

    #[cfg(test)]
    fn callers(&self) -> usize {
        self.own.lock().unwrap().windows.len()
    }
}

impl Window {
    fn new(now_s: u64) -> Window {
        Window { counts: [0; SECONDS], newest: now_s }
    }

    fn count(&mut self, limit: u32, now_s: u64) -> Standing {
        let gone = now_s.saturating_sub(self.newest).min(SECONDS as u64);
        for step in 1..=gone {
            self.counts[(self.newest + step) as usize % SECONDS] = 0;
        }
        if gone == SECONDS as u64 {
            self.counts = [0; SECONDS];
        }
        self.newest = self.newest.max(now_s);
        let sum: u32 = self.counts.iter().map(|count| u32::from(*count)).sum();
        let allowed = sum < limit;
        if allowed {
            let slot = &mut self.counts[self.newest as usize % SECONDS];
            *slot = slot.saturating_add(1);
        }
        let left = limit.saturating_sub(sum + u32::from(allowed));
        Standing { limit, left, wait_s: if left > 0 { 0 } else { self.wait() }, allowed }
    }

    /// Until the oldest that counts leaves the window.
    fn wait(&self) -> u64 {
        let age = |age: &u64| self.counts[(self.newest + SECONDS as u64 - age) as usize % SECONDS] > 0;
        (0..SECONDS as u64).rev().find(age).map_or(1, |oldest| SECONDS as u64 - oldest)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn caller(number: u32) -> Caller {
        Caller::at(Ipv4Addr::from(number).into())
    }

    #[test]
    fn the_hundred_and_first_within_a_minute_has_to_wait() {
        let windows = Windows::default();
        for n in 0..100 {
            let standing = windows.count(caller(1), 100, n / 10);
            assert!(standing.allowed && standing.left == 99 - n as u32, "{n}: {standing:?}");
        }
        let refused = windows.count(caller(1), 100, 9);
        assert_eq!((refused.allowed, refused.left, refused.wait_s), (false, 0, 52));
        assert!(windows.count(caller(2), 100, 9).allowed, "others are not concerned");
        assert!(
            !windows.count(caller(1), 100, 60).allowed,
            "the first may be a moment less than a minute old"
        );
        let later = windows.count(caller(1), 100, 61);
        assert_eq!((later.allowed, later.left), (true, 9), "those of the first second are gone");
        assert_eq!(windows.count(caller(1), 100, 1000).left, 99);
    }

    #[test]
    fn whatever_the_rhythm_no_minute_holds_more() {
        let (windows, mut taken, mut seed) = (Windows::default(), Vec::new(), 7_u64);
        let mut now = 0;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            now += u64::from(seed >> 61 == 0);
            if windows.count(caller(1), 30, now).allowed {
                taken.push(now);
            }
        }
        assert!(taken.windows(31).all(|w| w[30] - w[0] > 60), "31 within a minute");
        assert!(taken.len() > 30 * (now as usize / 61), "and it lets through what it may");
    }

    #[test]
    fn a_million_addresses_cost_bounded_memory() {
        let windows = Windows::default();
        for n in 0..1_000_000 {
            windows.count(caller(n), 100, 5);
        }
        assert_eq!(windows.callers(), MOST);
        let own = windows.own.lock().unwrap().windows.capacity() * size_of::<(Caller, Window)>();
        let shared = windows.shared.lock().unwrap().capacity() * size_of::<Window>();
        assert!(own + shared < 32 << 20, "{own} and {shared} bytes");
        for _ in 0..99 {
            assert!(windows.count(caller(7), 100, 5).allowed, "who was known keeps a window");
        }
        assert!(!windows.count(caller(7), 100, 5).allowed);
        windows.count(caller(2_000_000), 100, 200);
        assert!(windows.callers() < 10, "what is over makes room");
    }
}
