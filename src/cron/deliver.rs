//! From a finished batch to what has come of it: the spool, the ledger, and the thread that drains.
//!
//! A batch that no disk takes is not lost for that: it is sent from memory after those that wait. Only when nobody takes
//! it either is it gone, and then the ledger says so.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use super::Moment;
use crate::batch::Sealed;
use crate::collect::Keep;
use crate::collect::coordinator::Collected;
use crate::collect::schedule::seed;
use crate::config::Config;
use crate::event::Event;
use crate::push::pull::Pull;
use crate::push::{Drain, Drained, Fresh};
use crate::spool::Spool;
use crate::state::ledger::Ledger;
use crate::state::{Durability, StateDir, write_atomic};

const FORGOTTEN_S: i64 = 40 * 86_400;

pub(super) struct Delivery<'a> {
    pub(super) config: &'a Config,
    pub(super) state: &'a StateDir,
    pub(super) spool: &'a Spool,
    pub(super) moment: &'a Moment,
    pub(super) collected: &'a Collected,
    pub(super) sealed: &'a Sealed,
}

/// What has come of it.
pub(super) struct Delivered {
    /// What stood in the way of sealing, and what became of the batch.
    pub(super) unsealed: Option<String>,
    pub(super) drained: Option<Drained>,
    pub(super) push: Duration,
}

impl Delivery<'_> {
    pub(super) fn run(&self, ledger: &mut Ledger, channel: (&Sender<Event>, &Receiver<Event>)) -> Delivered {
        let head = &self.sealed.head;
        let put = self.spool.put(head.sequence, &head.batch_id, &self.sealed.bytes);
        let unsealed = put.err();
        ledger.sequence = head.sequence;
        if unsealed.is_none() {
            self.commit(ledger);
        }
        self.trim(ledger);
        write_ledger(ledger, self.state);
        if unsealed.is_none() {
            self.keep();
        }
        let pushing = Instant::now();
        let drained = self.push(ledger, unsealed.is_some(), channel);
        let unsealed = unsealed.map(|e| format!("{e:#} ({})", self.without_disk(ledger, drained.as_ref())));
        Delivered { unsealed, drained, push: pushing.elapsed() }
    }

    /// What became of a batch that could not be sealed.
    fn without_disk(&self, ledger: &mut Ledger, drained: Option<&Drained>) -> &'static str {
        match drained {
            Some(d) if d.delivered || d.over && d.lost == 0 => {
                self.commit(ledger);
                self.keep();
                return if d.delivered { "it was delivered all the same" } else { "it found room later" };
            }
            Some(d) if d.over => {}
            _ => ledger.lose(self.sealed.head.sequence, self.sealed.bytes.len() as u64),
        }
        "and it could not be delivered either: it is lost"
    }

    fn commit(&self, ledger: &mut Ledger) {
        ledger.parts.extend(self.collected.parts.clone());
        // Databases come and go; no interval is as long as this.
        let now = self.moment.seconds();
        ledger.parts.retain(|_, part| now - part.last < FORGOTTEN_S);
        ledger.host = self.collected.host.clone().or(ledger.host.take());
        for watch in &self.collected.watches {
            watch.commit(ledger, self.moment.seconds());
        }
        ledger.servers.retain(|name, _| self.config.servers.iter().any(|s| s.name == *name));
    }

    /// What has no room goes, counted.
    fn trim(&self, ledger: &mut Ledger) {
        let bounds = &self.config.spool;
        let rejected = Spool::rejected(self.state);
        let surplus = self.spool.surplus(bounds.max_bytes, bounds.max_age).and_then(|mut surplus| {
            surplus.extend(rejected.surplus(bounds.reject_max_bytes, Duration::MAX)?);
            Ok(surplus)
        });
        let surplus = match surplus {
            Ok(surplus) => surplus,
            Err(e) => return log::error!("Spool buffer: {e:#}"),
        };
        if let Err(e) = self.spool.drop_counted(&surplus, ledger) {
            return log::warn!("Spool buffer: {e:#}");
        }
        if !surplus.is_empty() {
            log::warn!(
                "Spool buffer: {} oldest batches dropped to stay within [spool] max_bytes, max_age_hours and reject_max_bytes",
                surplus.len()
            );
        }
    }

    /// Files that collectors keep between runs. Losing one costs ranking quality only.
    fn keep(&self) {
        for keep in self.collected.watches.iter().flat_map(|w| &w.keeps) {
            let Keep::File { path, content, .. } = keep else { continue };
            let folder = path.parent().unwrap_or(self.state.root());
            let kept = self
                .state
                .folder(folder)
                .and_then(|()| write_atomic(path, content, 0o600, Durability::Renamed));
            if let Err(e) = kept {
                log::warn!("writing {}: {e}", path.display());
            }
        }
    }

    /// Drains the spool on a thread of its own and waits for it until the run's deadline or a signal. Whichever ends
    /// the wait, what the thread has told until then counts.
    fn push(
        &self,
        ledger: &mut Ledger,
        unsealed: bool,
        (sender, events): (&Sender<Event>, &Receiver<Event>),
    ) -> Option<Drained> {
        if self.collected.signal.is_some() || !(unsealed || self.is_due(ledger)) {
            return None;
        }
        let drain = self.drain(ledger.clone(), unsealed);
        let (seed, sender) = (drain.seed, sender.clone());
        let last = sender.clone();
        let tell = move |drained: &Drained, ledger: &Ledger| {
            let _ = sender.send(Event::Pushed(Box::new((drained.clone(), ledger.clone()))));
        };
        let mut known = Drained::default();
        let before = ledger.clone();
        let started = std::thread::Builder::new().name("push".into()).spawn(move || {
            if catch_unwind(AssertUnwindSafe(|| drop(drain.run(&tell)))).is_err() {
                let trouble = Some("the collector broke while it pushed; see its log".to_owned());
                let broken = Drained { trouble, over: true, ..Drained::default() };
                let _ = last.send(Event::Pushed(Box::new((broken, before))));
            }
        });
        if let Err(e) = started {
            known.trouble = Some(format!("starting the thread that pushes: {e}"));
            return Some(known);
        }
        while !known.over {
            match events.recv_timeout(self.moment.deadline.saturating_duration_since(Instant::now())) {
                Ok(Event::Pushed(pushed)) => (known, *ledger) = *pushed,
                Ok(Event::Signal(_)) => {
                    known.trouble = Some("ended by a signal".to_owned());
                    break;
                }
                Ok(_) => {}
                Err(_) => {
                    ledger.breaker = ledger.breaker.failed(self.moment.seconds(), None, seed);
                    let url = &self.config.backend.url;
                    known.trouble = Some(format!(
                        "{url}: no answer within this run's time: the backend or the way to it is slow, see its log"
                    ));
                    break;
                }
            }
        }
        Some(known)
    }

    fn drain(&self, ledger: Ledger, unsealed: bool) -> Drain {
        let head = &self.sealed.head;
        let timeout = self.config.run.timeout;
        Drain {
            spool: self.spool.clone(),
            rejected: Spool::rejected(self.state),
            backend: self.config.backend.clone(),
            ledger,
            now: self.moment.seconds(),
            started: self.moment.started,
            // Sooner than the run's own, so that a request that stalls ends here and is told properly.
            deadline: self.moment.deadline
                - (timeout / 10).clamp(Duration::from_millis(100), Duration::from_secs(1)),
            seed: seed(&[self.config.collector.known_as()]),
            // A backend knows whom it registered by a UUID; under another id it keeps nothing for anybody.
            pull: self.config.collector.id.clone().filter(|id| uuid::Uuid::parse_str(id).is_ok()).map(
                |collector_id| Pull {
                    every_s: self.config.run.config_pull_interval.as_secs(),
                    collector_id,
                    state_dir: self.state.root().to_owned(),
                },
            ),
            fresh: Some(Fresh {
                sequence: head.sequence,
                batch_id: head.batch_id.clone(),
                items: self.sealed.items,
                unsealed: unsealed.then(|| self.sealed.bytes.clone()),
            }),
        }
    }

    fn is_due(&self, ledger: &Ledger) -> bool {
        let run = &self.config.run;
        let (every, tick) = (run.push_interval.as_secs(), run.interval.as_secs());
        let since = ledger.pushed_at.map(|at| self.moment.seconds() - at);
        every <= tick || since.is_none_or(|s| s < 0 || s.unsigned_abs() + tick / 2 >= every)
    }
}

pub(super) fn write_ledger(ledger: &Ledger, state: &StateDir) {
    if let Err(e) = ledger.write(&state.ledger()) {
        log::error!("{e:#}");
    }
}
