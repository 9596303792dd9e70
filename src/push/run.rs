//! A draining under way: what each answer does to the batch, the ledger and the run.
//!
//! A batch that cannot be read, moved or split is told of and passed over, so that it never stands in the way of the
//! others; what the target does to one batch it does to all, so that a failure there ends the run.

use std::collections::{HashSet, VecDeque};
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use wire::Want;

use super::backend::Api;
use super::parcel::{Parcel, Tally};
use super::reply::Reply;
use super::{Drain, Drained, file, split, stubborn};
use crate::batch::inflate;
use crate::config::Target;
use crate::plain;
use crate::state::ledger::Ledger;

/// Less than this is no time to send anything in.
const LEAST: Duration = Duration::from_millis(50);
/// The most texts that are remembered as wanted.
const WANTS: usize = 1000;

/// A draining under way.
pub(super) struct Run<'a> {
    pub(super) drain: Drain,
    /// Where the target is a backend.
    pub(super) api: Option<Api>,
    pub(super) queue: VecDeque<Parcel>,
    /// Of what the spool held at first: see [`parcel::wholes`].
    pub(super) wholes: HashSet<String>,
    pub(super) tally: Tally,
    pub(super) drained: Drained,
    pub(super) tell: &'a dyn Fn(&Drained, &Ledger),
}

/// What follows a batch.
enum Next {
    Go,
    Stop,
}

impl Run<'_> {
    pub(super) fn all(&mut self) -> Result<()> {
        if let Target::Http(_) = self.drain.backend.target
            && !self.queue.is_empty()
        {
            let mut api = Api::open(&self.drain.backend, self.drain.deadline)?;
            api.refresh_at_half_life(self.drain.now);
            self.drained.token.clone_from(&api.kept);
            self.api = Some(api);
        }
        while let Some(parcel) = self.queue.pop_front() {
            let next = match self.left() {
                left if left < LEAST => Ok(self.out_of_time()),
                _ => self.one(&parcel),
            };
            self.told();
            if !matches!(next, Ok(Next::Go)) {
                self.queue.push_front(parcel);
                return next.map(drop);
            }
        }
        self.pull();
        Ok(())
    }

    /// After the batches: they come first.
    fn pull(&mut self) {
        let (Some(api), Some(pull)) = (&self.api, &self.drain.pull) else { return };
        let now = self.clock();
        if self.left() > LEAST && pull.is_due(&self.drain.ledger.pulled, now) {
            pull.look(api, &mut self.drain.ledger.pulled, now);
        }
    }

    fn one(&mut self, parcel: &Parcel) -> Result<Next> {
        let sealed = match parcel.read() {
            Ok(Some(sealed)) => sealed,
            Ok(None) => return Ok(Next::Go),
            // It must not stand in the way of the others.
            Err(e) => {
                self.trouble(format!("{e:#}"));
                return Ok(Next::Go);
            }
        };
        if self.has_parts(parcel.batch_id()) {
            self.split(parcel, &sealed, "its split was cut short".to_owned());
            return Ok(Next::Go);
        }
        if let Some(items) = self.tally.begins(parcel.batch_id()) {
            log::info!("Pushing {items} metrics to backend...");
        }
        match self.send(parcel, &sealed)? {
            Reply::Accepted { wants } => self.accepted(parcel, wants),
            Reply::Retry { why, after } => return Ok(self.failed(why, after)),
            Reply::Unauthorized { why } => return Ok(self.failed(why, None)),
            Reply::Fault { why } => return Ok(self.fault(parcel, why)),
            Reply::TooLarge { why } => self.split(parcel, &sealed, why),
            Reply::Reject { why } => self.reject(parcel, why),
        }
        Ok(Next::Go)
    }

    fn has_parts(&self, id: &str) -> bool {
        self.wholes.contains(id) && self.queue.iter().any(|other| split::is_part(other.batch_id(), id))
    }

    /// An error is one of this host: the target was not asked.
    fn send(&mut self, parcel: &Parcel, sealed: &[u8]) -> Result<Reply> {
        if let Some(api) = &mut self.api {
            let reply = api.push(parcel.batch_id(), sealed);
            self.drained.token.clone_from(&api.kept);
            return Ok(reply);
        }
        let Ok(mut text) = inflate(sealed) else {
            return Ok(Reply::Reject { why: "its file is damaged, it cannot be inflated".to_owned() });
        };
        let Drain { backend, ledger, now, .. } = &mut self.drain;
        if let Target::File(folder) = &backend.target {
            let appended = file::append(folder, &mut ledger.committed, *now, parcel.batch_id(), &text);
            return Ok(match appended {
                Ok(()) => Reply::Accepted { wants: Vec::new() },
                Err(e) => Reply::Retry { why: format!("{e:#}"), after: None },
            });
        }
        text.push(b'\n');
        let text = String::from_utf8_lossy(&text);
        let shown = plain::json(&text);
        std::io::stdout().lock().write_all(shown.as_bytes()).context("writing the batch to stdout")?;
        Ok(Reply::Accepted { wants: Vec::new() })
    }

    fn accepted(&mut self, parcel: &Parcel, wants: Vec<Want>) {
        self.drained.sent += 1;
        self.drained.older += u64::from(!self.tally.is_ours(parcel.batch_id()));
        self.drained.delivered |= self.tally.settled(parcel.batch_id(), true);
        let ledger = &mut self.drain.ledger;
        ledger.breaker = Default::default();
        ledger.pushed_at = Some(self.drain.now);
        for want in wants {
            if !ledger.wants.contains(&want) {
                ledger.wants.push(want);
            }
        }
        // The oldest go: those of a server that is watched no longer would stay for ever.
        let surplus = ledger.wants.len().saturating_sub(WANTS);
        ledger.wants.drain(..surplus);
        if let Parcel::Filed(entry) = parcel
            && let Err(e) = self.drain.spool.remove(entry)
        {
            // The next run has to look for it in the whole file.
            self.drain.ledger.committed.clear();
            self.trouble(format!("{e:#}; it will be sent again"));
        }
    }

    fn failed(&mut self, why: String, after: Option<Duration>) -> Next {
        if self.left() < LEAST && self.drained.sent > 0 {
            return self.out_of_time();
        }
        let after_s = after.map(|d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX));
        self.drain.ledger.breaker = self.drain.ledger.breaker.failed(self.clock(), after_s, self.drain.seed);
        self.trouble(why);
        Next::Stop
    }

    /// 500: the backend's fault, or this batch's?
    fn fault(&mut self, parcel: &Parcel, why: String) -> Next {
        let healthy = self.api.as_ref().is_some_and(Api::is_healthy);
        let now = self.clock();
        match stubborn::answered(&mut self.drain.ledger.stubborn, parcel.batch_id(), healthy, now) {
            stubborn::Next::Wait => self.failed(why, None),
            stubborn::Next::Behind => {
                self.trouble(format!("{why}; batch {} goes behind the others", parcel.batch_id()));
                Next::Go
            }
            stubborn::Next::Reject => {
                self.reject(parcel, why);
                Next::Go
            }
        }
    }

    fn reject(&mut self, parcel: &Parcel, why: String) {
        self.tally.settled(parcel.batch_id(), false);
        self.drained.rejected += 1;
        self.drained.rejected_why = Some(why);
        let Drain { spool, rejected, ledger, .. } = &mut self.drain;
        ledger.void_marks(parcel.sequence());
        let moved = match parcel {
            Parcel::Filed(entry) => spool.hand_over(entry, rejected),
            Parcel::Held { sequence, batch_id, sealed } => {
                let put = rejected.put(*sequence, batch_id, sealed).map(drop);
                put.inspect_err(|_| lose(ledger, &mut self.drained, *sequence, sealed))
            }
        };
        if let Err(e) = moved {
            self.trouble(format!("{e:#}"));
        }
    }

    fn split(&mut self, parcel: &Parcel, sealed: &[u8], why: String) {
        let Ok(Some(halves)) = split::halves(sealed) else {
            return self.reject(parcel, why);
        };
        if self.has_parts(parcel.batch_id()) {
            let ids = halves.each_ref().map(|half| half.head.batch_id.clone());
            self.queue.retain(|other| ids.iter().all(|id| id != other.batch_id()));
        }
        let parts = match parcel {
            Parcel::Filed(entry) => split::into_spool(&self.drain.spool, entry, &halves)
                .map(|parts| parts.into_iter().map(Parcel::Filed).collect()),
            Parcel::Held { .. } => Ok(Vec::from(halves.map(Parcel::held))),
        };
        match parts {
            Ok(parts) => {
                log::info!("Spool buffer: batch {} is split in two: {why}", parcel.batch_id());
                self.tally.split(parcel.batch_id());
                parts.into_iter().rev().for_each(|part| self.queue.push_front(part));
            }
            Err(e) => self.trouble(format!("{e:#}")),
        }
    }

    /// What is in memory still: by now there may be room for it.
    pub(super) fn shelve(&mut self) {
        for parcel in std::mem::take(&mut self.queue) {
            if let Parcel::Held { sequence, batch_id, sealed } = parcel
                && self.drain.spool.put(sequence, &batch_id, &sealed).is_err()
            {
                lose(&mut self.drain.ledger, &mut self.drained, sequence, &sealed);
            }
        }
    }
}

fn lose(ledger: &mut Ledger, drained: &mut Drained, sequence: u64, sealed: &[u8]) {
    drained.lost += 1;
    ledger.lose(sequence, sealed.len() as u64);
}

/// Time, and what is told.
impl Run<'_> {
    fn left(&self) -> Duration {
        self.drain.deadline.saturating_duration_since(Instant::now())
    }

    /// Unix seconds now: what a target asks for counts from its answer, not from the start of the run.
    fn clock(&self) -> i64 {
        self.drain.now + i64::try_from(self.drain.started.elapsed().as_secs()).unwrap_or(0)
    }

    fn out_of_time(&mut self) -> Next {
        self.trouble("the time of this run is up, the next one goes on".to_owned());
        Next::Stop
    }

    pub(super) fn trouble(&mut self, why: String) {
        self.drained.trouble.get_or_insert(why);
    }

    pub(super) fn told(&self) {
        (self.tell)(&self.drained, &self.drain.ledger);
    }
}
