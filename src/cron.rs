//! One run, top to bottom: plan, collect, seal, drain, report.
//!
//! Crash argument, in this order: the batch is in the spool before the ledger knows of it, the ledger before anything
//! is sent, and what was sent before the ledger is written again. A crash between any two of them repeats a step and
//! loses nothing.

mod deliver;
mod recall;

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::{Timestamp, Unit};

use crate::batch::{Batch, inflate};
use crate::cli::Cycle;
use crate::collect::coordinator::{self, Collected, Inputs};
use crate::collect::schedule::seed;
use crate::collect::{Memory, agent};
use crate::config::Config;
use crate::exit::Exit;
use crate::plain;
use crate::privacy::key::Key;
use crate::privacy::manifest;
use crate::privacy::screen::Screen;
use crate::report::progress::Progress;
use crate::report::{self, Report};
use crate::signals;
use crate::spool::{self, Entry, Spool};
use crate::state::ledger::{self, Ledger};
use crate::state::{Locked, StateDir};
use crate::version;
use deliver::{Delivered, Delivery, write_ledger};

/// The moment of a run: one for its batch, slots and file names.
struct Moment {
    at: Timestamp,
    started: Instant,
    /// When the process must be gone.
    deadline: Instant,
    /// When collecting ends, so that what there is still ships.
    collect_until: Instant,
}

pub fn run(config: Config, cycle: Cycle, notes: Vec<String>) -> Result<Exit> {
    if cycle.dry_run {
        return dry_run(config, cycle);
    }
    splay(&config);
    let moment = Moment::now(config.run.timeout);
    let state = StateDir::at(&config.run.state_dir);
    let (_lock, homeless) = match StateDir::open(state.root()).and_then(|state| state.lock()) {
        Ok(Locked::Mine(lock)) => (Some(lock), None),
        Ok(Locked::Busy(who)) => {
            log::info!("Another run holds the lock of {} ({who})", state.root().display());
            return Ok(Exit::Busy);
        }
        Err(e) => (None, Some(homeless(&e))),
    };
    let (mut ledger, aside) = ledger::read(&state.ledger(), moment.seconds())?;
    aside.iter().chain(&notes).for_each(|note| log::warn!("{note}"));
    let (sender, events) = mpsc::channel();
    signals::listen(sender.clone())?;
    announce(&config);

    let config = Arc::new(config);
    let spool = Spool::open(&state);
    // One that cannot be listed says so when it is drained.
    let spooled = spool.entries().unwrap_or_default();
    recall::log_positions(&mut ledger, &spooled);
    let sequence = next_sequence(&ledger, &spooled);
    let screen = Screen::of(config.privacy, || Key::of(state.root()))?;
    let mut batch = Batch::open(head(&config, &moment, sequence))?.behind(screen);
    let inputs = moment.inputs(&config, &ledger, sequence, cycle.force);
    let mut collected = coordinator::collect(&inputs, &sender, &events, &mut batch)?;
    let waiting = depth(&spool);
    agent::add(&inputs, &mut collected, moment.started.elapsed(), &waiting, &mut batch)?;
    report::collected(&config, &collected);

    let sealed = batch.seal()?;
    let delivery = Delivery {
        config: &config,
        state: &state,
        spool: &spool,
        moment: &moment,
        collected: &collected,
        sealed: &sealed,
    };
    let Delivered { unsealed, drained, push } = delivery.run(&mut ledger, (&sender, &events));
    let report = Report {
        config: &config,
        state: &state,
        collected: &collected,
        sealed: &sealed,
        unsealed: homeless.or(unsealed),
        drained,
        waiting: depth(&spool),
        rejected: Spool::rejected(&state).entries().ok().map(|entries| entries.len() as u64),
        notes,
        at: moment.at,
        cycle: moment.started.elapsed(),
        push,
    };
    let exit = report.tell(&mut ledger);
    write_ledger(&ledger, &state);
    Ok(exit)
}

/// Collects everything and prints the batch, or what it consists of; nothing is written, nothing is sent.
fn dry_run(config: Config, cycle: Cycle) -> Result<Exit> {
    let config = Arc::new(config);
    let (collected, batch) = rehearse(&config, cycle.force, Past::Known)?;
    report::collected(&config, &collected);
    let mut text = inflate(&batch.seal()?.bytes)?;
    match cycle.manifest {
        true => text = manifest::page(&text, config.privacy)?.into_bytes(),
        false => text.push(b'\n'),
    }
    let text = String::from_utf8_lossy(&text);
    std::io::stdout().lock().write_all(plain::json(&text).as_bytes()).context("printing the batch")?;
    Ok(report::exit(&config, &collected, false))
}

/// What a rehearsal makes of the runs before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    Known,
    /// As if it were the first: statements by all they ever did, with their texts.
    Forgotten,
}

/// Below it no run has left anything, as nothing can be there.
const NOWHERE: &str = "/dev/null";

/// A cycle up to its batch, which leaves no trace: the ledger is only looked at.
pub fn rehearse(config: &Arc<Config>, force: bool, past: Past) -> Result<(Collected, Batch)> {
    let moment = Moment::now(config.run.timeout);
    let ledger = ledger::peek(&config.run.state_dir.join("ledger.json"));
    let (sender, events) = mpsc::channel();
    signals::listen(sender.clone())?;
    let screen = Screen::of(config.privacy, || passing_key(config))?;
    let mut batch = Batch::open(head(config, &moment, ledger.sequence + 1))?.behind(screen);
    let mut inputs = moment.inputs(config, &ledger, ledger.sequence + 1, force);
    if past == Past::Forgotten {
        inputs.memory = Arc::new(Memory { state_dir: NOWHERE.into(), ..(*inputs.memory).clone() });
    }
    let mut collected = coordinator::collect(&inputs, &sender, &events, &mut batch)?;
    agent::add(&inputs, &mut collected, moment.started.elapsed(), &spool::Depth::default(), &mut batch)?;
    Ok((collected, batch))
}

/// Where no run has made one yet, none is made here.
fn passing_key(config: &Config) -> Result<Key> {
    let (key, kept) = Key::peek(&config.run.state_dir)?;
    if !kept {
        log::warn!(
            "There is no key to hash with yet: the hashes of this run are its own, the first real run makes the key"
        );
    }
    Ok(key)
}

impl Moment {
    fn now(timeout: Duration) -> Moment {
        let started = Instant::now();
        // A fifth is kept for sealing and delivery.
        let reserve =
            (timeout / 5).clamp(Duration::from_millis(300), Duration::from_secs(10)).min(timeout / 2);
        Moment {
            // A store counts in microseconds: nothing finer would come back from it.
            at: Timestamp::now().round(Unit::Microsecond).unwrap_or_else(|_| Timestamp::now()),
            started,
            deadline: started + timeout,
            collect_until: started + timeout - reserve,
        }
    }

    fn seconds(&self) -> i64 {
        self.at.as_second()
    }

    fn inputs<'a>(&self, config: &Arc<Config>, ledger: &'a Ledger, sequence: u64, force: bool) -> Inputs<'a> {
        Inputs {
            config: config.clone(),
            ledger,
            now: self.seconds(),
            now_ms: self.at.as_millisecond(),
            force,
            timestamp: self.at.to_string(),
            memory: Arc::new(Memory {
                state_dir: config.run.state_dir.clone(),
                sequence,
                lost_sequences: ledger.lost_sequences.clone(),
                wants: ledger.wants.clone(),
                log_positions: ledger.log_positions(),
                now: self.seconds(),
            }),
            deadline: self.collect_until,
            progress: Progress::on_terminal(),
        }
    }
}

/// A fleet does not start at the same second. Never on a terminal, where somebody waits.
fn splay(config: &Config) {
    let most = config.run.splay.as_millis();
    if most > 0 && !std::io::stderr().is_terminal() {
        let share = u128::from(seed(&["splay", config.collector.known_as()]) % 1000);
        std::thread::sleep(Duration::from_millis(u64::try_from(most * share / 1000).unwrap_or(0)));
    }
}

fn announce(config: &Config) {
    let run = &config.run;
    log::info!(
        "Starting collection loop (collect every {}s, push every {}s, config pull every {}s)",
        run.interval.as_secs(),
        run.push_interval.as_secs(),
        run.config_pull_interval.as_secs()
    );
    log::info!("Collecting metrics...");
    log::info!("CollectorManager thread pool initialized with {} threads", config.threads);
}

fn head(config: &Config, moment: &Moment, sequence: u64) -> wire::Head {
    wire::Head {
        schema: wire::SCHEMA,
        batch_id: uuid::Uuid::now_v7().to_string(),
        sequence,
        part_of: None,
        collector_id: config.collector.known_as().to_owned(),
        hostname: config.collector.hostname.clone(),
        timestamp: moment.at.to_string(),
        started_at: moment.at.to_string(),
        version: version::SHORT.to_owned(),
        interval_s: config.run.promise().as_secs(),
    }
}

/// The spool's own names outlive a lost ledger.
fn next_sequence(ledger: &Ledger, spooled: &[Entry]) -> u64 {
    ledger.sequence.max(spooled.last().map_or(0, |entry| entry.sequence)) + 1
}

/// A run without a state directory collects and delivers; it remembers nothing, and nothing keeps a second run away.
fn homeless(e: &anyhow::Error) -> String {
    let why = format!("{e:#}; until then nothing is kept from one run to the next");
    log::error!("{why}");
    why
}

/// How much waits; a spool that cannot be listed says so when it is drained.
fn depth(spool: &Spool) -> spool::Depth {
    spool.entries().map(|entries| spool::depth(&entries)).unwrap_or_default()
}
