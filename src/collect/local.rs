//! The collectors that read this host: each on a thread of its own, since a dead network filesystem can hold one for
//! ever.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::Sender;

use anyhow::{Context, Result};
use wire::Reason;

use super::board::{Board, Place};
use super::coordinator::Inputs;
use super::part::Done;
use super::plan::{self, ItemKey, key};
use super::schedule::{seed, turn};
use super::{Collector, disk_usage, registry, sysstat};
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

/// What needs no server's word.
pub fn at_once(inputs: &Inputs) -> Option<Job> {
    let previous: Option<sysstat::Counters> = inputs.ledger.host.as_ref().and_then(|raw| raw.read());
    let now_ms = inputs.now_ms;
    job(inputs, &sysstat::SYSSTAT, sysstat::PARTS, move || {
        let (done, counters) = sysstat::read(Path::new("/"), now_ms, previous.as_ref());
        (done, counters.and_then(|c| RawJson::of(&c)))
    })
}

/// `places`: where the servers of this host keep their data.
pub fn disks(inputs: &Inputs, places: Vec<disk_usage::Place>) -> Option<Job> {
    job(inputs, &disk_usage::DISK_USAGE, disk_usage::PARTS, move || {
        (disk_usage::read(Path::new("/"), &places), None)
    })
}

fn job(
    inputs: &Inputs,
    collector: &'static Collector,
    parts: &'static [&'static str],
    read: impl FnOnce() -> Read + Send + 'static,
) -> Option<Job> {
    let config = &inputs.config;
    if !plan::enabled(config, collector) || registry::find(collector.name).is_none() {
        return None;
    }
    let every = plan::every_s(config, collector);
    let interval = i64::try_from(config.run.interval.as_secs()).unwrap_or(60);
    let mut slow = None;
    if every > interval {
        let key = key(collector.name, "all", "host", None);
        let known = inputs.ledger.parts.get(&key).map(|p| p.last);
        let turn = turn(every, interval, known, inputs.now, seed(&[config.collector.known_as(), &key]));
        if !turn.due && !inputs.force {
            return None;
        }
        slow = Some((key, PartState { last: turn.last, ..PartState::default() }));
    }
    let place = Place {
        server: config.collector.hostname.clone(),
        key: ItemKey { collector: collector.name, database: None },
    };
    Some(Job { collector: collector.name, place, parts, read: Box::new(read), slow })
}

impl Job {
    pub fn expect(&self, board: &mut Board) {
        board.expect(self.place.clone(), self.parts);
    }

    pub fn start(self, sender: Sender<Event>) -> Result<()> {
        std::thread::Builder::new()
            .name(self.collector.to_owned())
            .spawn(move || {
                let read = catch_unwind(AssertUnwindSafe(self.read));
                let (done, previous) = read.unwrap_or_else(|_| {
                    let why = "the collector broke here; see its log";
                    (self.parts.iter().map(|key| Done::failed(key, Reason::Panic, why)).collect(), None)
                });
                // Nobody listens any more when the run is over.
                let _ = sender.send(Event::Host { place: self.place, done, previous, slow: self.slow });
            })
            .map(|_| ())
            .with_context(|| format!("starting a thread for {}", self.collector))
    }
}
