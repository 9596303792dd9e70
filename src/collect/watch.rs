//! One watched server during a run: what is known of it, what is still to be visited, and what it cost.

mod ledger;
mod look;
mod patience;

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rayon::ThreadPool;
use scheduled_thread_pool::ScheduledThreadPool;
use wire::{Outcome, Reason};

use super::cancel::Cancels;
use super::coordinator::Inputs;
use super::custom;
use super::disk_usage;
use super::plan::{self, ItemKey, Plan, Planned};
use super::refused;
use super::visit::{self, Answer, Ending, Ground};
use super::{At, Gather, Keep, Scope, registry};
use crate::config::{self, Config};
use crate::event::Event;
use crate::pg::pool::{self, Held, Pool};
use crate::pg::probe::Facts;
use crate::pg::progress::Progress;
use crate::pg::refusal::Refusal;
use crate::pg::session::{Missing, Spent};
use crate::state::ledger::Refused;

pub use ledger::{left_alone, remember};

pub struct Watch {
    pub config: Arc<config::Server>,
    pub phase: Phase,
    pub facts: Option<Arc<Facts>>,
    pub spent: Arc<Spent>,
    pub figures: Figures,
    pub keeps: Vec<Keep>,
    /// Columns learnt to be missing, for the next run.
    pub missing: Missing,
    /// Parts learnt to be refused, for the next runs.
    refused_parts: BTreeMap<String, Refused>,
    /// Visits of this run ask for the extension that the probe's database lacks.
    seeks: bool,
    /// Where they found it, in which version.
    found: BTreeMap<String, String>,
    pub resume_at: Option<String>,
    /// A handshake was begun and never answered.
    pub stalled: bool,
    /// `None` when the run is over.
    pool: Option<Pool>,
    databases: Arc<Vec<String>>,
    queue: VecDeque<Dispatch>,
    in_flight: BTreeMap<String, Flight>,
    /// `pool_max_size`
    at_most: usize,
    /// What one statement may take.
    longest: Duration,
    /// Slots that visits which were given up hold still.
    stuck: usize,
    /// How many signs of life there have been while visits are under way, and when the last came.
    heard: (u64, Instant),
    /// Databases whose handshakes were never answered in this run.
    hung: Vec<String>,
    /// The refusal that ended the visits.
    refused: Option<Outcome>,
}

/// A visit on a worker.
struct Flight {
    parts: Vec<Planned>,
    since: Instant,
    progress: Arc<Progress>,
}

/// Parts that will not be answered, and why.
pub struct Lost {
    /// By database.
    pub visits: Vec<(String, Vec<Planned>)>,
    pub outcome: Outcome,
    /// Workers that hang with them.
    pub workers: usize,
}

#[derive(Clone)]
pub enum Phase {
    Probing {
        progress: Arc<Progress>,
    },
    Ready,
    /// Nothing can be asked any more.
    Gone(Outcome),
}

/// What the run did to a server, for the report and the agent's item.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub acquisitions: u64,
    pub reuses: u64,
    pub waits: u64,
    pub active_peak: usize,
    pub opened: Vec<Duration>,
}

pub struct Probed {
    pub result: Result<(Facts, Held), Box<Outcome>>,
    pub opened: Vec<Duration>,
}

/// A visit that waits for its worker.
pub struct Dispatch {
    visit: plan::Visit,
    held: Option<Held>,
    waited: bool,
    progress: Arc<Progress>,
}

pub fn all(config: &Config) -> Result<Vec<Watch>> {
    // The reaper panics where the host has no thread to give.
    let first = std::thread::Builder::new().spawn(|| ());
    drop(first.context("starting a thread; this host grants no more to this user")?.join());
    let reaper = Arc::new(ScheduledThreadPool::builder().num_threads(1).thread_name_pattern("slots").build());
    Ok(config.servers.iter().map(|server| Watch::new(server, config, reaper.clone())).collect())
}

impl Watch {
    fn new(server: &config::Server, config: &Config, reaper: Arc<ScheduledThreadPool>) -> Watch {
        let size = &config.pool;
        Watch {
            config: Arc::new(server.clone()),
            phase: Phase::Ready,
            facts: None,
            spent: Arc::new(Spent::default()),
            figures: Figures::default(),
            keeps: Vec::new(),
            missing: Missing::default(),
            refused_parts: BTreeMap::new(),
            seeks: false,
            found: BTreeMap::new(),
            resume_at: None,
            stalled: false,
            pool: Some(pool::pool(size, reaper)),
            databases: Arc::new(Vec::new()),
            queue: VecDeque::new(),
            in_flight: BTreeMap::new(),
            at_most: size.max as usize,
            longest: server.statement_timeout.max(custom::longest(config.custom)),
            stuck: 0,
            heard: (0, Instant::now()),
            hung: Vec::new(),
            refused: None,
        }
    }

    /// Looks at the server from a thread of its own: a server that accepts and never answers then costs no worker.
    pub fn probe(
        &mut self,
        n: usize,
        inputs: &Inputs,
        sender: Sender<Event>,
        cancels: Cancels,
    ) -> Result<()> {
        let progress = Arc::new(Progress::default());
        self.phase = Phase::Probing { progress: progress.clone() };
        let (server, spent) = (self.config.clone(), self.spent.clone());
        let pool = self.pool.clone().context("the run is over")?;
        let deadline = inputs.deadline;
        let known = inputs.ledger.servers.get(&self.config.name);
        let looks_from = known.and_then(|s| s.looks_from.clone());
        let missing = known.map(|s| ledger::lacked_by_probe(s, inputs.now)).unwrap_or_default();
        let answer = sender.clone();
        let started = std::thread::Builder::new().name(format!("probe-{}", server.name)).spawn(move || {
            let mut opened = Vec::new();
            let spot = look::Spot { pool, spent, deadline, progress, cancels, looks_from, missing };
            let looked = catch_unwind(AssertUnwindSafe(|| look::look(&server, &spot, &mut opened)));
            let result = looked.unwrap_or_else(|_| Err(Box::new(broken())));
            // Nobody listens any more when the run is over.
            let _ = answer.send(Event::Probed { server: n, probed: Probed { result, opened } });
        });
        if let Err(e) = started {
            let why = format!("this host has no thread to look at the server with: {e}");
            let result = Err(Box::new(Outcome::failed(Reason::Other).detail(why)));
            let _ = sender.send(Event::Probed { server: n, probed: Probed { result, opened: Vec::new() } });
        }
        Ok(())
    }

    /// The server has answered: what is due on it, and in which order.
    pub fn plan(&mut self, inputs: &Inputs, facts: Facts, held: Held, opened: Vec<Duration>) -> Plan {
        self.figures.opened.extend(opened);
        self.recall(inputs.ledger, &facts, inputs.now);
        let mut plan = plan::plan(&plan::Inputs {
            config: &inputs.config,
            server: &self.config,
            facts: &facts,
            ledger: inputs.ledger,
            refused: &self.refused_parts,
            collectors: registry::ALL,
            now: inputs.now,
            force: inputs.force,
        });
        self.seeks = plan.seeks;
        self.databases = Arc::new(std::mem::take(&mut plan.databases));
        let mut held = Some(held);
        for visit in std::mem::take(&mut plan.visits) {
            let mine = held.take_if(|h| h.is_open_on(&visit.database));
            self.queue.push_back(Dispatch { visit, held: mine, waited: false, progress: Arc::default() });
        }
        self.facts = Some(Arc::new(facts));
        self.phase = Phase::Ready;
        plan
    }

    pub fn is_done(&self) -> bool {
        match self.phase {
            Phase::Probing { .. } => false,
            Phase::Ready => self.queue.is_empty() && self.in_flight.is_empty(),
            Phase::Gone(_) => true,
        }
    }

    /// Visits that nobody has taken yet.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// The next visit, while the budget of connections allows one more.
    pub fn take_visit(&mut self) -> Option<Dispatch> {
        if !matches!(self.phase, Phase::Ready) {
            return None;
        }
        if self.in_flight.len() + self.stuck >= self.at_most {
            if let Some(first) = self.queue.front_mut().filter(|d| !d.waited) {
                first.waited = true;
                self.figures.waits += 1;
            }
            return None;
        }
        let mut dispatch = self.queue.pop_front()?;
        // What waited in the queue has not been waiting for the server.
        dispatch.progress = Arc::default();
        if self.in_flight.is_empty() {
            self.heard.1 = Instant::now();
        }
        let parts = dispatch.visit.parts.clone();
        let flight = Flight { parts, since: Instant::now(), progress: dispatch.progress.clone() };
        self.in_flight.insert(dispatch.visit.database.clone(), flight);
        self.figures.active_peak = self.figures.active_peak.max(self.in_flight.len());
        Some(dispatch)
    }

    pub fn ground(
        &self,
        inputs: &Inputs,
        dispatch: &Dispatch,
        stop: Arc<AtomicBool>,
        cancels: Cancels,
    ) -> Option<Ground> {
        let databases = self.databases.len() as f64;
        let budget = inputs.config.run.server_budget.map(|d| d.as_secs_f64() * 1000.0);
        Some(Ground {
            config: inputs.config.clone(),
            server: self.config.clone(),
            facts: self.facts.clone()?,
            pool: self.pool.clone()?,
            spent: self.spent.clone(),
            budget_ms: (!inputs.force).then(|| budget.unwrap_or((30.0 * databases).max(3000.0))),
            deadline: inputs.deadline,
            stop,
            databases: self.databases.clone(),
            missing: self.missing.clone(),
            seeks: self.seeks && self.facts.as_ref().is_some_and(|f| f.database != dispatch.visit.database),
            cancels,
            memory: inputs.memory.clone(),
            progress: dispatch.progress.clone(),
        })
    }

    /// An answer that comes after its visit was given up has no item to go to any more.
    pub fn awaits(&self, database: &str) -> bool {
        self.in_flight.contains_key(database)
    }

    pub fn note(&mut self, answer: &Answer, visited: &str, now: i64) {
        if answer.ran {
            self.heard.1 = Instant::now();
            self.figures.acquisitions += 1;
            self.figures.reuses += u64::from(answer.reused);
            let Planned { collector, part, .. } = answer.planned;
            let key = refused::key(collector, part, visited);
            match refused::of(answer, now) {
                Some(refused) => drop(self.refused_parts.insert(key, refused)),
                None => drop(self.refused_parts.remove(&key)),
            }
        }
    }

    /// The databases whose items an answer belongs to.
    pub fn places(&self, planned: &Planned, visited: &str, placed: Option<String>) -> Vec<Option<String>> {
        let per_database = registry::find(planned.collector).is_some_and(|c| c.scope == Scope::Database);
        match (placed, planned.part.at) {
            (Some(database), _) => vec![Some(database)],
            (None, At::Database) => vec![Some(visited.to_owned())],
            (None, At::Server) if per_database => self.databases.iter().cloned().map(Some).collect(),
            (None, At::Server) => vec![None],
        }
    }

    /// Gives back whether the visit had been given up meanwhile, and what a refusal of the whole server takes along.
    pub fn visited(&mut self, database: &str, ending: Ending) -> (bool, Option<Lost>) {
        self.figures.opened.extend(ending.opened);
        self.missing.learn(ending.missing);
        self.found.extend(ending.found.map(|version| (database.to_owned(), version)));
        let given_up = self.in_flight.remove(database).is_none();
        self.stuck = self.stuck.saturating_sub(usize::from(given_up));
        self.heard.1 = if given_up { self.heard.1 } else { Instant::now() };
        let whole = ending.refusal.filter(|r| look::is_whole(r) && self.refused.is_none());
        let lost = whole.map(|refusal| self.turned_away(&refusal));
        if let (true, Phase::Ready, Some(why)) = (self.in_flight.is_empty(), &self.phase, &self.refused) {
            self.phase = Phase::Gone(why.clone());
        }
        (given_up, lost)
    }

    /// What waits is not tried any more; what is under way may still be answered.
    fn turned_away(&mut self, refusal: &Refusal) -> Lost {
        let outcome = look::refused(refusal);
        self.refused = Some(outcome.clone());
        self.cut_off();
        let waiting = std::mem::take(&mut self.queue);
        let visits = waiting.into_iter().map(|d| (d.visit.database, d.visit.parts)).collect();
        Lost { visits, outcome, workers: 0 }
    }

    /// The run ends: where the next one takes up what this one could not reach. No connection stays open for the
    /// time that delivery takes.
    pub fn end(&mut self) {
        self.note_unseen();
        self.cut_off();
        self.queue.clear();
        self.pool = None;
    }

    /// A handshake that has not been answered at the end of the run may leave a backend behind.
    pub fn note_unseen(&mut self) {
        self.note_hung(Duration::from_secs(1));
    }

    fn cut_off(&mut self) {
        let first = self.queue.front().map(|d| d.visit.database.clone());
        self.resume_at = first.or(self.resume_at.take());
    }

    /// Where a server on this very host keeps its data.
    pub fn places_on_disk(&self) -> Vec<disk_usage::Place> {
        let Some(facts) = self.facts.as_ref().filter(|_| self.config.is_local()) else { return Vec::new() };
        facts
            .places
            .iter()
            .map(|(label, path)| disk_usage::Place { label: label.clone(), path: path.into() })
            .collect()
    }
}

impl Dispatch {
    pub fn start(self, n: usize, ground: Ground, workers: &ThreadPool, sender: Sender<Event>) {
        workers.spawn(move || {
            let Dispatch { visit, held, .. } = self;
            let database = visit.database.clone();
            let mut answer = |answer| {
                let (database, answer) = (database.clone(), Box::new(answer));
                // Nobody listens any more when the run is over.
                let _ = sender.send(Event::Answer { server: n, database, answer });
            };
            let run = catch_unwind(AssertUnwindSafe(|| visit::run(&visit, &ground, held, &mut answer)));
            // Outside its parts: in the driver, as a connection opens or closes.
            let (ending, held) = run.unwrap_or_else(|_| {
                visit::answer_all(&visit.parts, &broken(), &mut answer);
                (Ending::default(), None)
            });
            let _ = sender.send(Event::Visited { server: n, database, ending, held });
        });
    }
}

/// The collector itself broke: a defect of ours.
fn broken() -> Outcome {
    Outcome::failed(Reason::Panic).detail("the collector broke here; see its log")
}

/// What a server that never answered owes: an item of each collector.
pub fn owed(config: &Config) -> Vec<(ItemKey, Vec<&'static str>)> {
    let enabled = registry::ALL.iter().filter(|c| plan::enabled(config, c));
    enabled
        .filter_map(|collector| match &collector.gather {
            Gather::Sql(_) | Gather::Configured(_) => Some((collector.name, collector.gather.parts(config))),
            Gather::Host | Gather::Agent => None,
        })
        .map(|(collector, parts)| {
            (ItemKey { collector, database: None }, parts.iter().map(|p| p.key).collect())
        })
        .collect()
}
