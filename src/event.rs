//! What can happen to a waiting run: one channel carries it all.

use crate::collect::board::Place;
use crate::collect::part::Done;
use crate::collect::visit::{Answer, Ending};
use crate::collect::watch::Probed;
use crate::pg::pool::Held;
use crate::push::Drained;
use crate::state::ledger::{Ledger, PartState, RawJson};

pub enum Event {
    Probed {
        server: usize,
        probed: Probed,
    },
    Answer {
        server: usize,
        database: String,
        answer: Box<Answer>,
    },
    /// A visit is over; its slot comes along, so that it is free before the next visit is sent.
    Visited {
        server: usize,
        database: String,
        ending: Ending,
        held: Option<Held>,
    },
    Host {
        place: Place,
        done: Vec<Done>,
        previous: Option<Box<RawJson>>,
        /// For the ledger, when the collector is not due in each run.
        slow: Option<(String, PartState)>,
    },
    Signal(i32),
    Pushed(Box<(Drained, Ledger)>),
}
