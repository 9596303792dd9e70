//! How far an attempt to connect has come: read by whoever waits for it, since nothing can interrupt it.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not begun, or asking for the addresses of a name: nothing of ours is on the server.
    Resolving,
    /// From the first packet to the server's readiness: a backend of ours may be there, and may outlive us.
    Connecting,
    /// The server has let us in.
    Open,
}

#[derive(Debug)]
pub struct Progress(Mutex<(Stage, Instant)>);

impl Default for Progress {
    fn default() -> Progress {
        Progress(Mutex::new((Stage::Resolving, Instant::now())))
    }
}

impl Progress {
    pub fn reach(&self, stage: Stage) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (stage, Instant::now());
    }

    /// The stage, and since when: a next host or address begins anew.
    pub fn now(&self) -> (Stage, Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
