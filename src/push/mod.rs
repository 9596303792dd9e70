//! Pushing is draining: the spool's batches go out oldest first, the fresh one among them, until nothing is left,
//! the target refuses, or the time is up. There is no other way out of the host.
//!
//! Crash argument: a batch leaves the spool only after its target acknowledged its id. A crash between the two sends
//! it again, which the id makes harmless.

pub(crate) mod file;
pub mod reply;

use std::fs;
use std::io::Write;
use std::time::Instant;

use anyhow::{Context, Result};
use wire::Want;

use crate::batch::inflate;
use crate::config::{Backend, Target};
use crate::spool::{Entry, Spool};
use crate::state::breaker::Gate;
use crate::state::ledger::Ledger;
use reply::Reply;

/// What came of one draining.
#[derive(Debug, Default)]
pub struct Drained {
    pub sent: u64,
    pub rejected: u64,
    /// Why it ended before the spool was empty.
    pub trouble: Option<String>,
    /// Where the token was read from, if it was needed.
    pub token_from: Option<String>,
}

/// All that draining needs; owned, so that a thread of its own can be left behind when the deadline comes.
pub struct Drain {
    pub spool: Spool,
    pub rejected: Spool,
    pub backend: Backend,
    pub ledger: Ledger,
    pub now: i64,
    pub deadline: Instant,
    pub seed: u64,
}

impl Drain {
    /// Runs it, and gives back the ledger with what was learnt.
    pub fn run(mut self) -> (Drained, Ledger) {
        let mut drained = Drained::default();
        match self.ledger.breaker.gate(self.now) {
            Gate::Open { until } => {
                drained.trouble = Some(format!("breaker open, next try in {} s", until - self.now));
            }
            Gate::HalfOpen | Gate::Closed => {
                if let Err(e) = self.all(&mut drained) {
                    drained.trouble = Some(format!("{e:#}"));
                }
            }
        }
        (drained, self.ledger)
    }

    fn all(&mut self, drained: &mut Drained) -> Result<()> {
        for entry in self.spool.entries()? {
            if Instant::now() >= self.deadline {
                drained.trouble = Some("time is up".to_owned());
                return Ok(());
            }
            match self.one(&entry)? {
                Reply::Accepted { wants } => self.accepted(&entry, wants, drained)?,
                Reply::Retry { why, after } => {
                    let after = after.map(|d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX));
                    self.ledger.breaker = self.ledger.breaker.failed(self.now, after, self.seed);
                    drained.trouble = Some(why);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn accepted(&mut self, entry: &Entry, wants: Vec<Want>, drained: &mut Drained) -> Result<()> {
        self.spool.done(entry)?;
        self.ledger.breaker = Default::default();
        self.ledger.pushed_at = Some(self.now);
        for want in wants.into_iter().filter(|w| !self.ledger.wants.contains(w)).collect::<Vec<_>>() {
            if self.ledger.wants.len() < 1000 {
                self.ledger.wants.push(want);
            }
        }
        drained.sent += 1;
        Ok(())
    }

    fn one(&mut self, entry: &Entry) -> Result<Reply> {
        let sealed = fs::read(&entry.path).with_context(|| format!("reading {}", entry.path.display()))?;
        match &self.backend.target {
            Target::File(folder) => {
                let text = inflate(&sealed)?;
                file::append(folder, &mut self.ledger.committed, self.now, &entry.batch_id, &text)
                    .map(|()| Reply::Accepted { wants: Vec::new() })
                    .or_else(|e| Ok(Reply::Retry { why: format!("{e:#}"), after: None }))
            }
            Target::Stdout => {
                let mut text = inflate(&sealed)?;
                text.push(b'\n');
                std::io::stdout().lock().write_all(&text).context("writing the batch to stdout")?;
                Ok(Reply::Accepted { wants: Vec::new() })
            }
            Target::Http(_) => anyhow::bail!("no HTTP yet"),
        }
    }
}
