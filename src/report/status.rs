//! `status.json`, beside the log: what `pganalytics status` and health-check.sh read. World-readable, so it holds no
//! secret, no statement and no value out of a database.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Report;
use crate::collect::agent::LastRun;
use crate::collect::watch::Phase;
use crate::config::Config;
use crate::exit::Exit;
use crate::plain::plain;
use crate::state::ledger::Ledger;
use crate::state::{Durability, write_atomic};
use crate::version;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    pub version: String,
    pub collector_id: String,
    pub interval_s: u64,
    pub last_cycle_at: String,
    pub last_push_at: Option<String>,
    pub exit_code: i32,
    pub outcomes: wire::Counts,
    pub servers: Vec<ServerStatus>,
    pub conditions: Vec<String>,
    pub breaker: String,
    pub spool_batches: u64,
    pub spool_bytes: u64,
    pub spool_oldest_s: u64,
    pub spool_max_bytes: u64,
    /// Refused for good; `None`: the folder cannot be listed.
    pub rejected_batches: Option<u64>,
    pub last_run: LastRun,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerStatus {
    pub name: String,
    pub reached: bool,
    pub why: Option<String>,
}

pub fn path(config: &Config) -> PathBuf {
    config.logging.file_path.with_file_name("status.json")
}

pub(super) fn write(report: &Report, ledger: &Ledger, exit: Exit, last: &LastRun) {
    let status = Status {
        version: version::SHORT.to_owned(),
        collector_id: report.sealed.head.collector_id.clone(),
        interval_s: report.config.run.interval.as_secs(),
        last_cycle_at: report.at.to_string(),
        last_push_at: ledger.pushed_at.and_then(|s| Timestamp::from_second(s).ok()).map(|t| t.to_string()),
        exit_code: exit.code(),
        outcomes: report.sealed.outcomes,
        servers: servers(report),
        conditions: ledger.conditions.values().map(|c| c.text.clone()).collect(),
        breaker: ledger.breaker.name(report.at.as_second()).to_owned(),
        spool_batches: report.waiting.batches,
        spool_bytes: report.waiting.bytes,
        spool_oldest_s: report.waiting.oldest.as_secs(),
        spool_max_bytes: report.config.spool.max_bytes,
        rejected_batches: report.rejected,
        last_run: last.clone(),
    };
    let path = path(report.config);
    let written = serde_json::to_vec_pretty(&status)
        .map_err(std::io::Error::from)
        .and_then(|text| write_atomic(&path, &text, 0o644, Durability::Renamed));
    if let Err(e) = written {
        log::warn!("writing {}: {e}", path.display());
    }
}

fn servers(report: &Report) -> Vec<ServerStatus> {
    let of = |watch: &crate::collect::watch::Watch| ServerStatus {
        name: watch.config.name.clone(),
        reached: watch.facts.is_some(),
        why: match &watch.phase {
            Phase::Gone(outcome) => outcome.detail.clone(),
            Phase::Probing { .. } | Phase::Ready => None,
        },
    };
    report.collected.watches.iter().map(of).collect()
}

/// `None`: no run has left one yet.
pub fn read(path: &Path) -> Result<Option<Status>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(|| format!("reading {}", path.display())),
    };
    let status = serde_json::from_slice(&text);
    status.map(Some).with_context(|| format!("{} is no status file of this release", path.display()))
}

/// A status as it is told: with what depends on the moment of telling.
#[derive(Serialize)]
pub struct Told<'a> {
    pub healthy: bool,
    /// Seconds since the last cycle began; `None` when that cannot be known.
    pub age_s: Option<i64>,
    /// Two intervals have passed without a cycle.
    pub stale: bool,
    #[serde(flatten)]
    pub status: &'a Status,
}

impl Status {
    pub fn told(&self, now: Timestamp) -> Told<'_> {
        let begun: Option<Timestamp> = self.last_cycle_at.parse().ok();
        // A clock that was set back makes nothing old.
        let age_s = begun.map(|at| (now.as_second() - at.as_second()).max(0));
        let stale = age_s.is_none_or(|s| s.unsigned_abs() > 2 * self.interval_s);
        Told { healthy: !stale && self.exit_code == 0, age_s, stale, status: self }
    }
}

impl Told<'_> {
    pub fn for_people(&self) -> String {
        let mut text = self.status.for_people();
        let age = self.age_s.map_or("an unknown time".to_owned(), |s| format!("{s} s"));
        if self.stale {
            text.push_str(&format!(
                "attention   no cycle for {age}, expected every {} s: is the crontab line or the timer active?\n",
                self.status.interval_s
            ));
        }
        text
    }
}

impl Status {
    fn for_people(&self) -> String {
        let push = self.last_push_at.as_deref().unwrap_or("never");
        let mut text = format!(
            "last cycle  {} (exit {}, {:.0} ms, {} items)\nlast push   {push}\nparts       {} ok, {} partial, {} skipped, {} failed\nspool       {} batches, {} kB, oldest {} s, breaker {}\n",
            self.last_cycle_at,
            self.exit_code,
            self.last_run.cycle_ms,
            self.last_run.items,
            self.outcomes.ok,
            self.outcomes.partial,
            self.outcomes.skipped,
            self.outcomes.failed,
            self.spool_batches,
            self.spool_bytes.div_ceil(1000),
            self.spool_oldest_s,
            self.breaker
        );
        for server in &self.servers {
            let state =
                server.why.as_deref().unwrap_or(if server.reached { "reached" } else { "not reached" });
            text.push_str(&format!("server      {}: {}\n", plain(&server.name), plain(state)));
        }
        for condition in &self.conditions {
            text.push_str(&format!("attention   {}\n", plain(condition)));
        }
        text
    }
}
