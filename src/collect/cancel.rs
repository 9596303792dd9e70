//! Cancelling what runs on the servers when the run ends before they do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use crate::pg::connect::Canceller;

#[derive(Clone, Default)]
pub struct Cancels(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    next: u64,
    cancellers: BTreeMap<u64, Canceller>,
}

impl Cancels {
    pub fn register(&self, canceller: Canceller) -> u64 {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.next += 1;
        let id = open.next;
        open.cancellers.insert(id, canceller);
        id
    }

    pub fn forget(&self, id: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).cancellers.remove(&id);
    }

    /// Asks every server to stop, each from a thread of its own, and waits for their word no longer than `at_most`.
    pub fn fire(&self, at_most: Duration) {
        let open = std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).cancellers);
        let (done, all) = mpsc::channel::<()>();
        for canceller in open.into_values() {
            let done = done.clone();
            // A server that does not answer keeps this thread; the process ends without it.
            let _ = std::thread::Builder::new().name("cancel".into()).spawn(move || {
                let _ = canceller.cancel();
                drop(done);
            });
        }
        drop(done);
        let _ = all.recv_timeout(at_most);
    }
}
