//! The collectors that read this host: each on a thread of its own, since a dead network filesystem can hold one for
//! ever.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::Sender;

use wire::Reason;

use super::board::{Board, Place};
use super::coordinator::Inputs;
use super::part::Done;
use super::plan::{self, ItemKey, key};
use super::{Collector, disk_usage, sysstat};
use crate::event::Event;
use crate::state::ledger::{PartState, RawJson};

/// Finished parts, and what the next run needs to compare with.
type Read = (Vec<Done>, Option<Box<RawJson>>);

pub struct Job {
    collector: &'static str,
    place: Place,
    parts: &'static [&'static str],
    read: Box<dyn FnOnce() -> Read + Send>,
    /// For the ledger, when it is not read each run.
    slow: Option<(String, PartState)>,
}

pub enum Due {
    Now(Job),
    /// For the ledger: when it is to run for the first time.
    Waits(String, PartState),
    No,
}

/// What needs no server's word.
pub fn at_once(inputs: &Inputs) -> Due {
    let previous: Option<sysstat::Counters> = inputs.ledger.host.as_ref().and_then(|raw| raw.read());
    let now_ms = inputs.now_ms;
    job(inputs, &sysstat::SYSSTAT, sysstat::PARTS, move || {
        let (done, counters) = sysstat::read(Path::new("/"), now_ms, previous.as_ref());
        (done, counters.and_then(|c| RawJson::of(&c)))
    })
}

/// `places`: where the servers of this host keep their data.
pub fn disks(inputs: &Inputs, places: Vec<disk_usage::Place>) -> Due {
    job(inputs, &disk_usage::DISK_USAGE, disk_usage::PARTS, move || {
        (disk_usage::read(Path::new("/"), &places), None)
    })
}

fn job(
    inputs: &Inputs,
    collector: &'static Collector,
    parts: &'static [&'static str],
    read: impl FnOnce() -> Read + Send + 'static,
) -> Due {
    let config = &inputs.config;
    if !plan::enabled(config, collector) {
        return Due::No;
    }
    let key = key(collector.name, "all", "host", None);
    let turn = plan::slow_turn(config, inputs.ledger, &key, plan::every_s(config, collector), inputs.now);
    let first = !inputs.ledger.parts.contains_key(&key);
    let slow = turn.map(|turn| (key, PartState { last: turn.last, ..PartState::default() }));
    if turn.is_some_and(|turn| !turn.due) && !inputs.force {
        return slow.filter(|_| first).map_or(Due::No, |(key, state)| Due::Waits(key, state));
    }
    let place = Place {
        server: config.collector.hostname.clone(),
        key: ItemKey { collector: collector.name, database: None },
    };
    Due::Now(Job { collector: collector.name, place, parts, read: Box::new(read), slow })
}

impl Job {
    pub fn expect(&self, board: &mut Board) {
        board.expect(self.place.clone(), self.parts);
    }

    /// What gets no thread says so: of a host in that state the other figures are wanted all the more.
    pub fn start(self, sender: &Sender<Event>) {
        let (place, parts, answer) = (self.place.clone(), self.parts, sender.clone());
        let failed =
            move |reason, why: &str| parts.iter().map(|key| Done::failed(key, reason, why)).collect();
        let started = std::thread::Builder::new().name(self.collector.to_owned()).spawn(move || {
            let read = catch_unwind(AssertUnwindSafe(self.read));
            let broken = || failed(Reason::Panic, "the collector broke here; see its log");
            let (done, previous) = read.unwrap_or_else(|_| (broken(), None));
            // Nobody listens any more when the run is over.
            let _ = answer.send(Event::Host { place: self.place, done, previous, slow: self.slow });
        });
        if let Err(e) = started {
            let done = failed(Reason::Other, &format!("this host has no thread to read it with: {e}"));
            let _ = sender.send(Event::Host { place, done, previous: None, slow: None });
        }
    }
}
