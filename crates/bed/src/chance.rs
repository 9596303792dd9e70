//! Chance that can be repeated: xorshift, from a seed that the test prints.

use std::time::{SystemTime, UNIX_EPOCH};

pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        // Near seeds are to go ways of their own, and none is zero.
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// `PGA_TEST_SEED`, else another one each time; printed, as a failure is worth nothing without it.
    pub fn seed_of_test() -> u64 {
        let given =
            std::env::var("PGA_TEST_SEED").ok().map(|seed| seed.parse().expect("PGA_TEST_SEED is a number"));
        let seed = given
            .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 >> 10);
        println!("PGA_TEST_SEED={seed}");
        seed
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    pub fn shuffled<T>(&mut self, mut all: Vec<T>) -> Vec<T> {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last as u64 + 1) as usize);
        }
        all
    }
}
