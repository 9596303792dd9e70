//! Waiting: poll often, under a ceiling long enough for a busy machine. Tests never sleep and hope.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Calls `look` until it gives `Ok`; past the ceiling, panics with the last `Err`: what was seen instead.
#[track_caller]
pub fn eventually<T, S: Debug>(ceiling: Duration, mut look: impl FnMut() -> Result<T, S>) -> T {
    let start = Instant::now();
    loop {
        match look() {
            Ok(value) => return value,
            Err(state) if start.elapsed() > ceiling => panic!("still so after {ceiling:?}: {state:?}"),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// What waits for nothing has ended by then, on a busy machine too; what does wait takes a run's time.
pub const SOON: Duration = Duration::from_secs(20);

/// What most waits use.
pub const LONG: Duration = Duration::from_secs(60);
