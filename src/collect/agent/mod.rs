//! `agent`: what the collector itself did and cost, up to the sealing of this batch, and the complete figures of the
//! run before, since a run's last figures cannot be in the batch that they describe.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use wire::Verdict;

use super::board::{Board, Place};
use super::coordinator::{Collected, Inputs};
use super::part::{Done, Fragment, thousandths};
use super::plan::{self, ItemKey};
use super::{Collector, Gather, Scope};
use crate::batch::Batch;
use crate::privacy::Class;
use crate::spool::Depth;
use crate::usage;

pub const AGENT: Collector = Collector {
    name: "agent",
    about: "what the collector itself did and cost",
    scope: Scope::Agent,
    every_s: 60,
    enabled: true,
    needs: "nothing",
    texts: &[
        ("last_run", Class::Message, "trouble"),
        ("servers[]", Class::Message, "refused"),
        ("", Class::Word, "breaker"),
        ("collectors[]", Class::Word, "collector outcome"),
        ("last_run", Class::Word, "batch_id"),
        ("servers[]", Class::Word, "server"),
    ],
    gather: Gather::Agent,
};

/// The complete figures of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LastRun {
    pub started_at: String,
    pub batch_id: String,
    pub exit_code: i32,
    pub cycle_ms: f64,
    pub collect_ms: f64,
    pub push_ms: f64,
    pub cpu_ms: f64,
    pub peak_rss_bytes: Option<u64>,
    pub items: u64,
    pub bytes_raw: u64,
    pub bytes_compressed: u64,
    pub batches_sent: u64,
    pub trouble: Option<String>,
}

#[derive(Serialize)]
struct Figures<'a> {
    cycle_ms: f64,
    cpu_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_rss_bytes: Option<u64>,
    collectors: Vec<Took>,
    servers: Vec<ServerFigures>,
    bytes_raw: u64,
    spool_batches: u64,
    spool_bytes: u64,
    spool_oldest_s: u64,
    /// Counters, like all that is told: a run that tells and is killed tells again.
    batches_dropped: u64,
    bytes_dropped: u64,
    breaker: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_run: Option<LastRun>,
}

#[derive(Serialize)]
struct Took {
    collector: &'static str,
    outcome: Verdict,
    took_ms: f64,
    parts: u64,
    rows: u64,
}

#[derive(Serialize)]
struct ServerFigures {
    server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    connections_opened: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_ms_mean: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_ms_max: Option<f64>,
    pool_acquisitions: u64,
    pool_reuses: u64,
    pool_waits: u64,
    pool_active_peak: usize,
    statements: u64,
    failed_statements: u64,
    server_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_skew_ms: Option<f64>,
}

/// Adds the item to a batch that is otherwise complete.
pub fn add(
    inputs: &Inputs,
    collected: &mut Collected,
    cycle: Duration,
    depth: &Depth,
    batch: &mut Batch,
) -> anyhow::Result<()> {
    if !plan::enabled(&inputs.config, &AGENT) {
        return Ok(());
    }
    let started = Instant::now();
    let figures = Figures {
        cycle_ms: millis(cycle),
        cpu_ms: millis(usage::cpu()),
        peak_rss_bytes: usage::peak_rss_bytes(),
        collectors: took(&collected.board),
        servers: collected.watches.iter().map(server).collect(),
        bytes_raw: batch.raw_bytes(),
        spool_batches: depth.batches,
        spool_bytes: depth.bytes,
        spool_oldest_s: depth.oldest.as_secs(),
        batches_dropped: inputs.ledger.dropped.batches,
        bytes_dropped: inputs.ledger.dropped.bytes,
        breaker: inputs.ledger.breaker.name(inputs.now),
        last_run: inputs.ledger.last_run.as_ref().and_then(|raw| raw.read()),
    };
    let place = Place {
        server: inputs.config.collector.hostname.clone(),
        key: ItemKey { collector: AGENT.name, database: None },
    };
    collected.board.expect(place.clone(), &["run"]);
    let mut done = Done::ok("run", Fragment::fields(&figures), 1);
    done.outcome.took_ms = millis(started.elapsed());
    collected.board.add(&place, done, batch)
}

fn took(board: &Board) -> Vec<Took> {
    let mut took: Vec<Took> = Vec::new();
    for told in &board.told {
        let collector = told.place.key.collector;
        let at = took.iter().position(|t| t.collector == collector).unwrap_or_else(|| {
            took.push(Took { collector, outcome: Verdict::Ok, took_ms: 0.0, parts: 0, rows: 0 });
            took.len() - 1
        });
        let entry = &mut took[at];
        entry.outcome = entry.outcome.max(told.outcome.verdict);
        entry.took_ms = thousandths(entry.took_ms + told.outcome.took_ms);
        entry.parts += 1;
        entry.rows += told.outcome.rows;
    }
    took
}

fn server(watch: &super::watch::Watch) -> ServerFigures {
    use super::watch::Phase;
    use std::sync::atomic::Ordering::Relaxed;
    let opened: Vec<f64> = watch.figures.opened.iter().map(|d| millis(*d)).collect();
    ServerFigures {
        server: watch.config.name.clone(),
        refused: match &watch.phase {
            Phase::Gone(outcome) => outcome.detail.clone(),
            Phase::Probing { .. } | Phase::Ready => None,
        },
        connections_opened: opened.len(),
        connect_ms_mean: (!opened.is_empty())
            .then(|| thousandths(opened.iter().sum::<f64>() / opened.len() as f64)),
        connect_ms_max: opened.iter().copied().reduce(f64::max),
        pool_acquisitions: watch.figures.acquisitions,
        pool_reuses: watch.figures.reuses,
        pool_waits: watch.figures.waits,
        pool_active_peak: watch.figures.active_peak,
        statements: watch.spent.statements.load(Relaxed),
        failed_statements: watch.spent.failed_statements.load(Relaxed),
        server_ms: thousandths(watch.spent.micros.load(Relaxed) as f64 / 1000.0),
        clock_skew_ms: watch.facts.as_ref().map(|f| f.clock_skew_us as f64 / 1000.0).map(thousandths),
    }
}

pub fn millis(duration: Duration) -> f64 {
    thousandths(duration.as_secs_f64() * 1000.0)
}
