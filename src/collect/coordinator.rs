//! The coordinator: the one who waits. It owns the run's collecting: it sends probes and visits off, takes answers in
//! over one channel, and stops waiting when the time is up.
//!
//! Everything that can block runs on a worker or a thread of its own that nobody joins. What has not answered by the
//! deadline is named in the batch, and its thread dies with the process: the process is the timeout.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use super::Memory;
use super::board::{Board, Place};
use super::cancel::Cancels;
use super::local::{self, Due};
use super::plan::ItemKey;
use super::visit::{self, Answer};
use super::watch::{Lost, Phase, Watch};
use crate::batch::Batch;
use crate::config::Config;
use crate::event::Event;
use crate::report::progress::Progress;
use crate::state::ledger::{Ledger, PartState, RawJson};

/// What a run's collecting is given.
pub struct Inputs<'a> {
    pub config: Arc<Config>,
    pub ledger: &'a Ledger,
    /// Unix seconds.
    pub now: i64,
    pub force: bool,
    pub now_ms: i64,
    pub timestamp: String,
    pub memory: Arc<Memory>,
    /// Collecting ends here, whatever has come in.
    pub deadline: Instant,
    pub progress: Progress,
}

/// What it leaves behind, besides the items in the batch.
pub struct Collected {
    pub board: Board,
    pub watches: Vec<Watch>,
    /// For the ledger: slow parts that ran, were shed, or wait for their first time.
    pub parts: BTreeMap<String, PartState>,
    pub host: Option<Box<RawJson>>,
    pub signal: Option<i32>,
    /// Until everything was in.
    pub took: Duration,
}

struct Coordinator<'a> {
    inputs: &'a Inputs<'a>,
    sender: Sender<Event>,
    /// From the first visit on: what looks at servers and at the host gets its threads first.
    workers: Option<ThreadPool>,
    stop: Arc<AtomicBool>,
    cancels: Cancels,
    watches: Vec<Watch>,
    board: Board,
    parts: BTreeMap<String, PartState>,
    host: Option<Box<RawJson>>,
    host_jobs: u32,
    disks_asked: bool,
    /// Visits on workers that are not given up.
    busy: usize,
    /// Whose turn it is: servers take turns.
    next: usize,
}

pub fn collect(
    inputs: &Inputs,
    sender: &Sender<Event>,
    events: &Receiver<Event>,
    batch: &mut Batch,
) -> Result<Collected> {
    let started = Instant::now();
    let mut run = Coordinator {
        workers: None,
        sender: sender.clone(),
        stop: Arc::new(AtomicBool::new(false)),
        cancels: Cancels::default(),
        watches: super::watch::all(&inputs.config)?,
        board: Board::new(inputs.timestamp.clone()),
        parts: BTreeMap::new(),
        host: None,
        host_jobs: 0,
        disks_asked: false,
        busy: 0,
        next: 0,
        inputs,
    };
    run.begin(batch)?;
    let signal = run.wait(events, batch, started)?;
    inputs.progress.clear(started);
    run.stop.store(true, Ordering::Relaxed);
    run.name_the_unseen(batch)?;
    run.board.close(batch)?;
    run.cancels.fire(Duration::from_millis(300));
    run.watches.iter_mut().for_each(Watch::end);
    let took = started.elapsed();
    Ok(Collected { board: run.board, watches: run.watches, parts: run.parts, host: run.host, signal, took })
}

/// Where the host grants fewer threads, fewer.
fn workers(threads: usize) -> Result<ThreadPool> {
    match started(threads) {
        Err(e) if threads > 1 => {
            log::warn!("{threads} worker threads cannot be started, trying half as many: {e}");
            workers(threads / 2)
        }
        result => result.context("starting a worker thread; this host grants no more to this user"),
    }
}

fn started(threads: usize) -> Result<ThreadPool, ThreadPoolBuildError> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|n| format!("worker-{n}"))
        // Visits catch their own; without this, rayon would end the process over anything else.
        .panic_handler(|_| {})
        .build()
}

impl Coordinator<'_> {
    fn begin(&mut self, batch: &mut Batch) -> Result<()> {
        for n in 0..self.watches.len() {
            let state = self.inputs.ledger.servers.get(&self.watches[n].config.name);
            let left_alone = super::watch::left_alone(state, self.inputs.now);
            if let Some(outcome) = left_alone.filter(|_| !self.inputs.force) {
                self.give_up(n, outcome, batch)?;
            } else {
                let (sender, cancels) = (self.sender.clone(), self.cancels.clone());
                self.watches[n].probe(n, self.inputs, sender, cancels)?;
            }
        }
        self.host_job(local::at_once(self.inputs));
        Ok(())
    }

    fn host_job(&mut self, due: Due) {
        match due {
            Due::No => {}
            Due::Waits(key, state) => {
                self.parts.insert(key, state);
            }
            Due::Now(job) => {
                self.host_jobs += 1;
                job.expect(&mut self.board);
                job.start(&self.sender);
            }
        }
    }

    /// Takes events in until all is answered, the time is up, or a signal ends the run.
    fn wait(&mut self, events: &Receiver<Event>, batch: &mut Batch, started: Instant) -> Result<Option<i32>> {
        loop {
            self.dispatch()?;
            self.look_at_disks(started);
            if self.host_jobs == 0 && self.disks_asked && self.watches.iter().all(Watch::is_done) {
                return Ok(None);
            }
            let now = Instant::now();
            if now >= self.inputs.deadline {
                return Ok(None);
            }
            self.inputs.progress.show(self.board.progress(), started);
            let tick = Duration::from_millis(250).min(self.inputs.deadline - now);
            match events.recv_timeout(tick) {
                Ok(Event::Signal(signal)) => return Ok(Some(signal)),
                Ok(event) => self.take(event, batch)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
            self.lose_patience(batch)?;
        }
    }

    fn take(&mut self, event: Event, batch: &mut Batch) -> Result<()> {
        match event {
            Event::Probed { server, probed } => self.probed(server, probed, batch),
            Event::Answer { server, database, .. } if !self.watches[server].awaits(&database) => Ok(()),
            Event::Answer { server, database, answer } => self.answered(server, &database, *answer, batch),
            Event::Visited { server, database, ending, held } => {
                drop(held);
                let (given_up, lost) = self.watches[server].visited(&database, ending);
                self.busy -= usize::from(!given_up);
                lost.map_or(Ok(()), |lost| self.lose(server, &lost, batch))
            }
            Event::Host { place, done, previous, slow } => {
                self.host_jobs -= 1;
                self.parts.extend(slow);
                if previous.is_some() {
                    self.host = previous;
                }
                done.into_iter().try_for_each(|done| self.board.add(&place, done, batch))
            }
            Event::Signal(_) | Event::Pushed(_) => Ok(()),
        }
    }

    fn probed(&mut self, server: usize, probed: super::watch::Probed, batch: &mut Batch) -> Result<()> {
        if !matches!(self.watches[server].phase, Phase::Probing { .. }) {
            return Ok(());
        }
        match probed.result {
            Err(outcome) => self.give_up(server, *outcome, batch),
            Ok((facts, held)) => {
                let plan = self.watches[server].plan(self.inputs, facts, held, probed.opened);
                let name = self.watches[server].config.name.clone();
                for (key, parts) in plan.items {
                    self.board.expect(Place { server: name.clone(), key }, &parts);
                }
                for (key, last) in plan.waiting {
                    self.parts.insert(key, PartState { last, ..PartState::default() });
                }
                for (key, done) in plan.skipped {
                    self.board.add(&Place { server: name.clone(), key }, done, batch)?;
                }
                Ok(())
            }
        }
    }

    /// The time is up and the probe has not answered: its server owes items too.
    fn name_the_unseen(&mut self, batch: &mut Batch) -> Result<()> {
        for n in 0..self.watches.len() {
            if matches!(self.watches[n].phase, Phase::Probing { .. }) {
                self.watches[n].note_unseen();
                let why = "the run's time was up before the server had answered";
                self.give_up(n, wire::Outcome::skipped(wire::Reason::OutOfTime).detail(why), batch)?;
            }
        }
        Ok(())
    }

    /// Nothing can be asked of this server any more: every item that it owes says why.
    fn give_up(&mut self, server: usize, outcome: wire::Outcome, batch: &mut Batch) -> Result<()> {
        let watch = &mut self.watches[server];
        if watch.facts.is_none() {
            for (key, parts) in super::watch::owed(&self.inputs.config) {
                self.board.expect(Place { server: watch.config.name.clone(), key }, &parts);
            }
        }
        watch.phase = Phase::Gone(outcome.clone());
        self.board.give_up(&watch.config.name, &outcome, batch)
    }

    fn answered(&mut self, server: usize, database: &str, answer: Answer, batch: &mut Batch) -> Result<()> {
        let watch = &mut self.watches[server];
        watch.note(&answer, database, self.inputs.now);
        if let Some((key, state)) = super::watch::remember(self.inputs.ledger, &answer) {
            self.parts.insert(key, state);
        }
        watch.keeps.extend(answer.keep);
        let name = watch.config.name.clone();
        for placed in answer.placed {
            let databases = watch.places(&answer.planned, database, placed.database);
            // The last takes it without a copy, and nearly always there is just one.
            let copies = std::iter::repeat_n(placed.done, databases.len());
            for (database, done) in databases.into_iter().zip(copies) {
                let key = ItemKey { collector: answer.planned.collector, database };
                self.board.add(&Place { server: name.clone(), key }, done, batch)?;
            }
        }
        Ok(())
    }

    /// Hands visits to free workers, a server at a time.
    fn dispatch(&mut self) -> Result<()> {
        let servers = self.watches.len();
        let mut idle = 0;
        while self.busy < self.inputs.config.threads && idle < servers {
            let n = self.next % servers;
            self.next += 1;
            match self.watches[n].take_visit() {
                None => idle += 1,
                Some(visit) => {
                    idle = 0;
                    self.busy += 1;
                    let (stop, cancels) = (self.stop.clone(), self.cancels.clone());
                    let ground = self.watches[n].ground(self.inputs, &visit, stop, cancels);
                    let sender = self.sender.clone();
                    match ground {
                        Some(ground) => visit.start(n, ground, self.workers()?, sender),
                        None => self.busy -= 1,
                    }
                }
            }
        }
        Ok(())
    }

    /// No more of them than visits, once all servers have said how many these are.
    fn workers(&mut self) -> Result<&ThreadPool> {
        let pool = match self.workers.take() {
            Some(pool) => pool,
            None => {
                let visits = self.busy + self.watches.iter().map(Watch::waiting).sum::<usize>();
                let most = self.inputs.config.threads;
                workers(if self.all_have_told() { most.min(visits) } else { most })?
            }
        };
        Ok(self.workers.insert(pool))
    }

    /// Of each server it is known what is to be asked there, or that nothing can be.
    fn all_have_told(&self) -> bool {
        self.watches.iter().all(|w| !matches!(w.phase, Phase::Probing { .. }))
    }

    /// Once the servers have said where their data lies, or are too slow to say it.
    fn look_at_disks(&mut self, started: Instant) {
        if self.disks_asked || !(self.all_have_told() || started.elapsed() > Duration::from_secs(2)) {
            return;
        }
        self.disks_asked = true;
        let places = self.watches.iter().flat_map(Watch::places_on_disk).collect();
        self.host_job(local::disks(self.inputs, places));
    }

    /// Servers that have gone silent are left alone, and their workers replaced, so that the others get theirs.
    fn lose_patience(&mut self, batch: &mut Batch) -> Result<()> {
        let mut replaced = 0;
        for n in 0..self.watches.len() {
            while let Some(lost) = self.watches[n].silent() {
                replaced += lost.workers;
                self.busy -= lost.workers;
                self.lose(n, &lost, batch)?;
            }
        }
        if replaced > 0 && self.watches.iter().any(|w| !w.is_done()) {
            match workers(self.inputs.config.threads) {
                Ok(fresh) => self.workers = Some(fresh),
                // The stuck ones may come free yet, and what has come in ships in any case.
                Err(e) => log::warn!("{e:#}"),
            }
        }
        Ok(())
    }

    /// Parts that will not be answered are named, and with a server that is gone all that it owes.
    fn lose(&mut self, server: usize, lost: &Lost, batch: &mut Batch) -> Result<()> {
        let mut answers = Vec::new();
        for (database, parts) in &lost.visits {
            visit::answer_all(parts, &lost.outcome, &mut |answer| answers.push((database, answer)));
        }
        for (database, answer) in answers {
            self.answered(server, database, answer, batch)?;
        }
        match self.watches[server].phase.clone() {
            Phase::Gone(outcome) => self.give_up(server, outcome, batch),
            Phase::Probing { .. } | Phase::Ready => Ok(()),
        }
    }
}
