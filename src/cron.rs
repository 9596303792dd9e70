//! One run, top to bottom: plan, collect, seal, drain, report.
//!
//! Crash argument, in this order: the batch is in the spool before the ledger knows of it, the ledger before anything
//! is sent, and what was sent before the ledger is written again. A crash between any two of them repeats a step and
//! loses nothing.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;

use crate::batch::{Batch, Sealed, inflate};
use crate::cli::Cycle;
use crate::collect::coordinator::{self, Collected, Inputs};
use crate::collect::schedule::seed;
use crate::collect::{Memory, agent};
use crate::config::Config;
use crate::event::Event;
use crate::exit::Exit;
use crate::push::{Drain, Drained};
use crate::report::{self, Report};
use crate::signals;
use crate::spool::{self, Spool};
use crate::state::ledger::{self, Ledger};
use crate::state::{Durability, Locked, StateDir, write_atomic};
use crate::version;

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
    let state = StateDir::open(&config.run.state_dir)?;
    let _lock = match state.lock()? {
        Locked::Mine(lock) => lock,
        Locked::Busy(who) => {
            log::info!("Another run holds the lock of {} ({who})", state.root().display());
            return Ok(Exit::Busy);
        }
    };
    let (mut ledger, aside) = ledger::read(&state.ledger(), moment.seconds())?;
    aside.iter().chain(&notes).for_each(|note| log::warn!("{note}"));
    let (sender, events) = mpsc::channel();
    signals::listen(sender.clone())?;
    announce(&config);

    let config = Arc::new(config);
    let spool = Spool::open(&state);
    let sequence = next_sequence(&ledger, &spool);
    let mut batch = Batch::open(head(&config, &moment, sequence))?;
    let inputs = moment.inputs(&config, &ledger, sequence, cycle.force);
    let mut collected = coordinator::collect(&inputs, &sender, &events, &mut batch)?;
    let waiting = spool::depth(&spool.entries()?);
    agent::add(&inputs, &mut collected, moment.started.elapsed(), &waiting, &mut batch)?;
    report::collected(&config, &collected);

    let raw_bytes = batch.raw_bytes();
    let sealed = batch.seal()?;
    let unsealed = seal(&spool, &sealed);
    commit(&mut ledger, &config, &collected, &sealed, &moment);
    trim(&spool, &config, &mut ledger)?;
    write_ledger(&ledger, &state);
    keep(&collected, &state);
    let pushing = Instant::now();
    let drained = push(&config, &spool, &state, &mut ledger, &moment, &collected, (&sender, &events));
    let report = Report {
        config: &config,
        state: &state,
        collected: &collected,
        sealed: &sealed,
        raw_bytes,
        unsealed: unsealed.map(|e| format!("{e:#}")),
        drained,
        waiting: spool::depth(&spool.entries()?),
        notes,
        at: moment.at,
        cycle: moment.started.elapsed(),
        push: pushing.elapsed(),
    };
    let exit = report.tell(&mut ledger);
    write_ledger(&ledger, &state);
    Ok(exit)
}

/// Collects everything and prints the batch; nothing is written, nothing is sent.
fn dry_run(config: Config, cycle: Cycle) -> Result<Exit> {
    let moment = Moment::now(config.run.timeout);
    let ledger = ledger::peek(&config.run.state_dir.join("ledger.json"));
    let (sender, events) = mpsc::channel();
    signals::listen(sender.clone())?;
    let config = Arc::new(config);
    let mut batch = Batch::open(head(&config, &moment, ledger.sequence + 1))?;
    let inputs = moment.inputs(&config, &ledger, ledger.sequence + 1, cycle.force);
    let mut collected = coordinator::collect(&inputs, &sender, &events, &mut batch)?;
    agent::add(&inputs, &mut collected, moment.started.elapsed(), &spool::Depth::default(), &mut batch)?;
    let mut text = inflate(&batch.seal()?.bytes)?;
    text.push(b'\n');
    std::io::stdout().lock().write_all(&text).context("printing the batch")?;
    Ok(report::exit(&config, &collected, false))
}

impl Moment {
    fn now(timeout: Duration) -> Moment {
        let started = Instant::now();
        // A fifth is kept for sealing and delivery.
        let reserve =
            (timeout / 5).clamp(Duration::from_millis(300), Duration::from_secs(10)).min(timeout / 2);
        Moment {
            at: Timestamp::now(),
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
                now: self.seconds(),
            }),
            deadline: self.collect_until,
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
        interval_s: config.run.interval.as_secs(),
    }
}

/// The spool's own names outlive a lost ledger.
fn next_sequence(ledger: &Ledger, spool: &Spool) -> u64 {
    let spooled = spool.entries().ok().and_then(|entries| entries.last().map(|e| e.sequence)).unwrap_or(0);
    ledger.sequence.max(spooled) + 1
}

/// What stood in the way of sealing, if anything did.
fn seal(spool: &Spool, sealed: &Sealed) -> Option<anyhow::Error> {
    let put = spool.put(sealed.head.sequence, &sealed.head.batch_id, &sealed.bytes);
    put.inspect_err(|e| log::error!("{e:#}")).err()
}

fn commit(ledger: &mut Ledger, config: &Config, collected: &Collected, sealed: &Sealed, moment: &Moment) {
    ledger.sequence = sealed.head.sequence;
    ledger.dropped = Default::default();
    ledger.parts.extend(collected.parts.clone());
    ledger.host = collected.host.clone().or(ledger.host.take());
    for watch in &collected.watches {
        watch.commit(ledger, moment.seconds());
    }
    ledger.servers.retain(|name, _| config.servers.iter().any(|s| s.name == *name));
}

fn trim(spool: &Spool, config: &Config, ledger: &mut Ledger) -> Result<()> {
    let gone = spool.trim(config.spool.max_bytes, config.spool.max_age)?;
    gone.iter().for_each(|entry| ledger.lose(entry.sequence, entry.bytes));
    if !gone.is_empty() {
        log::warn!(
            "Spool buffer: {} oldest batches dropped to stay within [spool] max_bytes and max_age_hours",
            gone.len()
        );
    }
    Ok(())
}

fn write_ledger(ledger: &Ledger, state: &StateDir) {
    if let Err(e) = ledger.write(&state.ledger()) {
        log::error!("{e:#}");
    }
}

/// Files that collectors keep between runs. Losing one costs ranking quality only.
fn keep(collected: &Collected, state: &StateDir) {
    for keep in collected.watches.iter().flat_map(|w| &w.keeps) {
        let folder = keep.path.parent().unwrap_or(state.root());
        let kept = state
            .folder(folder)
            .and_then(|()| write_atomic(&keep.path, &keep.content, 0o600, Durability::Renamed));
        if let Err(e) = kept {
            log::warn!("writing {}: {e}", keep.path.display());
        }
    }
}

/// Drains the spool on a thread of its own and waits for it until the run's deadline or a signal.
fn push(
    config: &Config,
    spool: &Spool,
    state: &StateDir,
    ledger: &mut Ledger,
    moment: &Moment,
    collected: &Collected,
    (sender, events): (&Sender<Event>, &Receiver<Event>),
) -> Option<Drained> {
    if collected.signal.is_some() || !push_is_due(config, ledger, moment.seconds()) {
        return None;
    }
    let drain = Drain {
        spool: spool.clone(),
        rejected: Spool::rejected(state),
        backend: config.backend.clone(),
        ledger: ledger.clone(),
        now: moment.seconds(),
        deadline: moment.deadline,
        seed: seed(&[config.collector.known_as()]),
    };
    let sender = sender.clone();
    let started = std::thread::Builder::new().name("push".into()).spawn(move || {
        let _ = sender.send(Event::Pushed(Box::new(drain.run())));
    });
    if let Err(e) = started {
        return Some(Drained {
            trouble: Some(format!("starting the thread that pushes: {e}")),
            ..Drained::default()
        });
    }
    loop {
        match events.recv_timeout(moment.deadline.saturating_duration_since(Instant::now())) {
            Ok(Event::Pushed(pushed)) => {
                let (drained, learnt) = *pushed;
                *ledger = learnt;
                return Some(drained);
            }
            Ok(Event::Signal(_)) => {
                return Some(Drained { trouble: Some("ended by a signal".to_owned()), ..Drained::default() });
            }
            Ok(_) => {}
            Err(_) => {
                ledger.breaker =
                    ledger.breaker.failed(moment.seconds(), None, seed(&[config.collector.known_as()]));
                return Some(Drained {
                    trouble: Some("the target did not answer in time".to_owned()),
                    ..Drained::default()
                });
            }
        }
    }
}

fn push_is_due(config: &Config, ledger: &Ledger, now: i64) -> bool {
    let (every, tick) = (config.run.push_interval.as_secs(), config.run.interval.as_secs());
    let since = ledger.pushed_at.map(|at| now - at);
    every <= tick || since.is_none_or(|s| s < 0 || s.unsigned_abs() + tick / 2 >= every)
}
