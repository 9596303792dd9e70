//! Pushing is draining: the spool's batches go out oldest first, the fresh one among them, until nothing is left,
//! the target refuses, or the time is up. There is no other way out of the host.
//!
//! Crash argument: a batch leaves the spool only after its target acknowledged its id. A crash between the two sends
//! it again, which the id makes harmless. A batch that the spool could not take is sent from memory, after the others:
//! that one alone a crash may cost.

mod backend;
pub(crate) mod file;
mod parcel;
pub mod pull;
pub mod reply;
mod run;
mod split;
mod stubborn;
pub(crate) mod token;

use std::time::Instant;

use crate::config::Backend;
use crate::spool::Spool;
use crate::state::breaker::Gate;
use crate::state::ledger::Ledger;
use parcel::Tally;
use pull::Pull;
use run::Run;

/// What has come of a draining so far.
#[derive(Clone, Debug, Default)]
pub struct Drained {
    pub sent: u64,
    /// How many of them were not of this run.
    pub older: u64,
    pub rejected: u64,
    /// Why the target refused the last of those.
    pub rejected_why: Option<String>,
    /// The first reason why something waits still.
    pub trouble: Option<String>,
    /// Why a new token could not be stored. `None`: this run cannot tell.
    pub token: Option<Result<(), String>>,
    /// This run's own batch was acknowledged, all of it.
    pub delivered: bool,
    /// Batches that no disk could take and no target took.
    pub lost: u64,
    /// Nothing more will come.
    pub over: bool,
}

/// This run's own batch.
#[derive(Clone, Debug)]
pub struct Fresh {
    pub sequence: u64,
    pub batch_id: String,
    pub items: u64,
    /// The batch itself, where the spool could not take it.
    pub unsealed: Option<Vec<u8>>,
}

/// All that draining needs; owned, so that a thread of its own can be left behind when the deadline comes.
pub struct Drain {
    pub spool: Spool,
    pub rejected: Spool,
    pub backend: Backend,
    pub ledger: Ledger,
    /// Unix seconds at `started`.
    pub now: i64,
    pub started: Instant,
    pub deadline: Instant,
    pub seed: u64,
    pub fresh: Option<Fresh>,
    /// Where the backend is asked for configuration as well.
    pub pull: Option<Pull>,
}

impl Drain {
    /// Runs it; after each batch, and at the end, tells what has come of it and the ledger with what was learnt.
    pub fn run(mut self, tell: &dyn Fn(&Drained, &Ledger)) -> (Drained, Ledger) {
        let tally = Tally::of(self.fresh.as_ref());
        let mut drained = Drained::default();
        let entries = self.spool.entries().unwrap_or_else(|e| {
            drained.trouble = Some(format!("{e:#}"));
            Vec::new()
        });
        self.ledger.stubborn.retain(|s| entries.iter().any(|e| e.batch_id == s.batch));
        let queue = parcel::queue(entries, self.fresh.as_mut(), &self.ledger.stubborn);
        let wholes = parcel::wholes(&queue);
        let mut run = Run { drain: self, api: None, queue, wholes, tally, drained, tell };
        match run.drain.ledger.breaker.gate(run.drain.now) {
            Gate::Open { until } => {
                let wait = until - run.drain.now;
                run.trouble(format!(
                    "breaker open: the target failed before and is left alone for {wait} s more"
                ));
            }
            // Half-open needs no case of its own: the first batch that fails ends the run, be it the first of all.
            Gate::HalfOpen | Gate::Closed => {
                if let Err(e) = run.all() {
                    run.trouble(format!("{e:#}"));
                }
            }
        }
        run.shelve();
        run.drained.over = true;
        run.told();
        (run.drained, run.drain.ledger)
    }
}
