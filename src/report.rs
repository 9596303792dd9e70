//! What happened, told where each reader looks: the log, `status.json`, a textfile, a terminal, cron's mail. The exit
//! code is decided here and nowhere else.

mod conditions;
pub mod progress;
mod status;
mod table;
mod textfile;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use wire::{Outcome, Reason, Verdict};

use crate::batch::Sealed;
use crate::collect::agent::{LastRun, millis};
use crate::collect::board::{Place, Told};
use crate::collect::coordinator::Collected;
use crate::collect::watch::Phase;
use crate::config::Config;
use crate::exit::Exit;
use crate::push::Drained;
use crate::spool::Depth;
use crate::state::StateDir;
use crate::state::ledger::{Ledger, RawJson};
use crate::usage;

pub use status::{Status, path as status_path, read as read_status};

/// A finished run.
pub struct Report<'a> {
    pub config: &'a Config,
    pub state: &'a StateDir,
    pub collected: &'a Collected,
    pub sealed: &'a Sealed,
    /// The batch could not be put into the spool.
    pub unsealed: Option<String>,
    /// `None`: nothing was to be sent in this run.
    pub drained: Option<Drained>,
    pub waiting: Depth,
    /// How many batches lie in `reject/`; `None`: that cannot be told.
    pub rejected: Option<u64>,
    /// What stood in the way before the run began.
    pub notes: Vec<String>,
    pub at: Timestamp,
    pub cycle: Duration,
    pub push: Duration,
}

/// The log's lines on collecting, before anything is sent.
pub fn collected(config: &Config, collected: &Collected) {
    for watch in &collected.watches {
        if let Phase::Gone(outcome) = &watch.phase {
            let why = outcome.detail.as_deref().unwrap_or("no reason was given");
            log::error!("Failed to acquire connection from pool: server {}: {why}", watch.config.name);
            continue;
        }
        log::info!(
            "Connection pool initialized with min={} max={} (connection pool initialized)",
            config.pool.min,
            config.pool.max
        );
    }
    troubles(config, collected).values().for_each(|line| log::warn!("{line}"));
    advice(collected).values().for_each(|line| log::info!("{line}"));
    log::info!("Parallel collection completed in {}ms", collected.took.as_millis().max(1));
    let sum = |of: fn(&crate::collect::watch::Figures) -> u64| -> u64 {
        collected.watches.iter().map(|w| of(&w.figures)).sum()
    };
    let peak: usize = collected.watches.iter().map(|w| w.figures.active_peak).max().unwrap_or(0);
    log::info!(
        "Pool metrics - acquisitions: {}, reuses: {}, active: {peak}/{}",
        sum(|f| f.acquisitions),
        sum(|f| f.reuses),
        config.pool.max
    );
}

fn sentence(told: &crate::collect::board::Told) -> String {
    let place = &told.place;
    let database = place.key.database.as_ref().map(|d| format!("/{d}")).unwrap_or_default();
    let outcome = &told.outcome;
    let reason = outcome.reason.and_then(|r| serde_json::to_value(r).ok());
    let reason = reason.as_ref().and_then(|r| r.as_str()).unwrap_or("");
    let state = outcome.sqlstate.as_ref().map(|s| format!(" {s}")).unwrap_or_default();
    let detail = outcome.detail.as_ref().map(|d| format!(": {d}")).unwrap_or_default();
    let verdict = format!("{:?}", outcome.verdict).to_lowercase();
    format!(
        "{}.{} of {}{database}: {verdict} ({reason}{state}){detail}",
        place.key.collector, told.part, place.server
    )
}

/// What makes the run less than complete, by a key that stays the same while it lasts. One cause speaks once: a
/// server that cannot be asked at all, a database that is closed, a grant that is missing.
fn troubles(config: &Config, collected: &Collected) -> BTreeMap<String, String> {
    let gone = |server: &str| {
        collected.watches.iter().any(|w| w.config.name == server && matches!(w.phase, Phase::Gone(_)))
    };
    let mut troubles = BTreeMap::new();
    for told in &collected.board.told {
        let asked = crate::collect::registry::is_asked(told.place.key.collector);
        if degrades(config, told.place.key.collector, &told.outcome) && !(asked && gone(&told.place.server)) {
            troubles.entry(trouble_key(told)).or_insert_with(|| sentence(told));
        }
    }
    troubles
}

fn trouble_key(told: &Told) -> String {
    let (key, server) = (&told.place.key, &told.place.server);
    let database = key.database.as_deref().unwrap_or("");
    match told.outcome.reason {
        Some(Reason::DatabaseRefused | Reason::DatabaseDropped) => {
            format!("part database@{server}/{database}")
        }
        Some(Reason::Privilege) => format!("part {}.{}@{server}", key.collector, told.part),
        _ => format!("part {}.{}@{server}/{database}", key.collector, told.part),
    }
}

/// What is no trouble, but what somebody should know how to mend: once for each server.
fn advice(collected: &Collected) -> BTreeMap<String, String> {
    let absent = |o: &Outcome| matches!(o.reason, Some(Reason::ExtensionAbsent | Reason::ExtensionOutdated));
    let told = collected.board.told.iter().filter(|t| absent(&t.outcome));
    told.map(|t| {
        let Place { server, key } = &t.place;
        let what = t.outcome.detail.as_deref().unwrap_or("an extension is missing");
        (format!("{}@{server}", key.collector), format!("{} of {server}: skipped: {what}", key.collector))
    })
    .collect()
}

/// Does this outcome make the run less than complete?
pub fn degrades(config: &Config, collector: &str, outcome: &Outcome) -> bool {
    let required = config.run.required.iter().any(|r| r == collector);
    match (outcome.verdict, outcome.reason) {
        (Verdict::Partial, Some(Reason::Privilege)) => true,
        (Verdict::Ok | Verdict::Partial, _) => false,
        (Verdict::Failed, _) => true,
        (Verdict::Skipped, Some(reason)) => {
            required
                || matches!(
                    reason,
                    Reason::OutOfTime | Reason::ServerRefused | Reason::DatabaseRefused | Reason::Lock
                )
        }
        (Verdict::Skipped, None) => required,
    }
}

/// The exit code of what was collected; `waits`: a batch could not be delivered or kept.
pub fn exit(config: &Config, collected: &Collected, waits: bool) -> Exit {
    let reached = collected.watches.iter().filter(|w| w.facts.is_some()).count();
    let told = &collected.board.told;
    let incomplete = told.iter().any(|t| degrades(config, t.place.key.collector, &t.outcome));
    let starving = collected.parts.values().any(|p| p.shed >= 5);
    if collected.signal.is_some() {
        return Exit::Degraded;
    }
    Exit::of(collected.watches.len(), reached, incomplete || starving || waits)
}

impl Report<'_> {
    /// Tells everybody, keeps what the next run should know, and decides the exit code.
    pub fn tell(self, ledger: &mut Ledger) -> Exit {
        let trouble = self.drained.as_ref().and_then(|d| d.trouble.clone());
        let rejected = self.drained.as_ref().map_or(0, |d| d.rejected);
        let exit =
            exit(self.config, self.collected, trouble.is_some() || self.unsealed.is_some() || rejected > 0);
        self.log(trouble.as_deref());
        let last = self.last_run(exit, trouble);
        self.count(ledger, &last);
        // A run that was ended from outside cannot tell what lasts.
        if self.collected.signal.is_none() {
            conditions::tell(&self, ledger);
        }
        status::write(&self, ledger, exit, &last);
        textfile::write(&self, ledger);
        table::show(&self);
        ledger.last_run = RawJson::of(&last);
        exit
    }

    fn log(&self, trouble: Option<&str>) {
        if let Some(drained) = &self.drained {
            if drained.older > 0 {
                log::info!("Spool buffer: {} older batches delivered", drained.older);
            }
            if drained.delivered {
                log::info!("Metrics pushed successfully");
            }
            if let Some(why) = trouble {
                log::warn!("Push failed: {why}");
            }
            if let Some(why) = &drained.rejected_why {
                log::error!(
                    "Spool buffer: {} batches refused for good, kept in reject/ (spool list shows them): {why}",
                    drained.rejected
                );
            }
        }
        if let Some(why) = &self.unsealed {
            log::error!("Spool buffer: {why}");
        }
        if self.waiting.batches > 0 {
            let Depth { batches, bytes, oldest } = self.waiting;
            let level = if trouble.is_some() { log::Level::Warn } else { log::Level::Info };
            log::log!(
                level,
                "Spool buffer: {batches} batches, {} kB, oldest {}s",
                bytes.div_ceil(1000),
                oldest.as_secs()
            );
        }
        log::info!(
            "Collection cycle finished: duration={}ms metrics={} failed={} spooled={} cpu_ms={} peak_rss_kb={}",
            self.cycle.as_millis(),
            self.sealed.items,
            self.sealed.outcomes.failed,
            self.waiting.batches,
            usage::cpu().as_millis(),
            usage::peak_rss_bytes().unwrap_or(0) / 1024
        );
    }

    fn last_run(&self, exit: Exit, trouble: Option<String>) -> LastRun {
        LastRun {
            started_at: self.at.to_string(),
            batch_id: self.sealed.head.batch_id.clone(),
            exit_code: exit.code(),
            cycle_ms: millis(self.cycle),
            collect_ms: millis(self.collected.took),
            push_ms: millis(self.push),
            cpu_ms: millis(usage::cpu()),
            peak_rss_bytes: usage::peak_rss_bytes(),
            items: self.sealed.items,
            bytes_raw: self.sealed.raw_bytes,
            bytes_compressed: self.sealed.bytes.len() as u64,
            batches_sent: self.drained.as_ref().map_or(0, |d| d.sent),
            trouble,
        }
    }

    fn count(&self, ledger: &mut Ledger, last: &LastRun) {
        let totals = &mut ledger.totals;
        totals.cycle_ms += last.cycle_ms;
        totals.cpu_seconds += last.cpu_ms / 1000.0;
        totals.peak_rss_bytes = last.peak_rss_bytes.unwrap_or(0);
        let outcomes = &self.sealed.outcomes;
        totals.parts += outcomes.ok + outcomes.partial + outcomes.skipped + outcomes.failed;
        totals.failed_parts += outcomes.failed;
        for watch in &self.collected.watches {
            totals.acquisitions += watch.figures.acquisitions;
            totals.reuses += watch.figures.reuses;
        }
    }
}
