//! Patience: when a server, or one database of it, counts as silent, and what is given up with it.
//!
//! Nothing here interrupts anything: a thread that hangs is left behind, and its place is taken by another.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use wire::{Outcome, Reason};

use super::{Lost, Phase, Watch};
use crate::pg::progress::{Progress, Stage};

/// What a server may take beyond its timeouts before it counts as silent.
const GRACE: Duration = Duration::from_secs(3);

impl Watch {
    /// What has given no sign of life for longer than it may take.
    pub fn silent(&mut self) -> Option<Lost> {
        match &self.phase {
            Phase::Probing { progress } => {
                let (stage, since) = progress.now();
                (since.elapsed() > self.patience(stage)).then(|| self.dumb(stage))
            }
            Phase::Ready => self.hung_or_silent(),
            Phase::Gone(_) => None,
        }
    }

    fn patience(&self, stage: Stage) -> Duration {
        GRACE
            + match stage {
                Stage::Resolving | Stage::Connecting => self.config.connect_timeout,
                Stage::Open => self.config.statement_timeout,
            }
    }

    /// It has not answered the probe.
    fn dumb(&mut self, stage: Stage) -> Lost {
        let name = &self.config.name;
        let why = match stage {
            Stage::Resolving => format!(
                "the host name of server {name} is not resolved in time: check this machine's name resolution"
            ),
            Stage::Connecting | Stage::Open => format!(
                "server {name} accepts connections and never answers: see its log and its load, and whether a \
                 session holds a lock on pg_authid or pg_database"
            ),
        };
        self.stalled = stage != Stage::Resolving;
        self.lose_all(Outcome::skipped(Reason::ServerRefused).detail(why))
    }

    /// A handshake that hangs while others are answered is its database's; silence on all is the server's.
    fn hung_or_silent(&mut self) -> Option<Lost> {
        let signs = self.spent.signs.load(Ordering::Relaxed);
        if signs != self.heard.0 {
            self.heard = (signs, Instant::now());
        }
        let heard = self.heard.1;
        let hung = self.in_flight.iter().find_map(|(database, flight)| {
            let (stage, since) = flight.progress.now();
            let hangs = stage != Stage::Open && since.elapsed() > self.patience(stage);
            (hangs && heard > flight.since).then(|| database.clone())
        });
        match hung {
            Some(database) => self.lose(database),
            None if self.in_flight.is_empty() => self.all_stuck(),
            // A connection that goes on to the next address is a sign of its own.
            None if self.last_step().max(heard).elapsed() <= self.patience_of_all() => None,
            None => {
                self.note_hung(Duration::ZERO);
                let why = format!("server {} stopped answering in the middle of the run", self.config.name);
                Some(self.lose_all(Outcome::failed(Reason::Timeout).detail(why)))
            }
        }
    }

    fn last_step(&self) -> Instant {
        let steps = self.in_flight.values().map(|flight| flight.progress.now().1.max(flight.since));
        steps.max().unwrap_or(self.heard.1)
    }

    /// Every connection that this server may have hangs in a handshake: nothing else can be asked.
    fn all_stuck(&mut self) -> Option<Lost> {
        (self.stuck >= self.at_most && !self.queue.is_empty()).then(|| {
            let why = format!("all {} connections to server {} hang", self.at_most, self.config.name);
            self.lose_all(Outcome::skipped(Reason::ServerRefused).detail(why))
        })
    }

    fn patience_of_all(&self) -> Duration {
        self.patience(Stage::Connecting).max(GRACE + self.longest)
    }

    fn lose(&mut self, database: String) -> Option<Lost> {
        let flight = self.in_flight.remove(&database)?;
        self.stuck += 1;
        let why = format!(
            "database {database} accepts connections and never answers: see whether a session holds a lock on \
             its pg_class"
        );
        let outcome = Outcome::skipped(Reason::DatabaseRefused).detail(why);
        self.hung.push(database.clone());
        Some(Lost { visits: vec![(database, flight.parts)], outcome, workers: 1 })
    }

    fn lose_all(&mut self, outcome: Outcome) -> Lost {
        let workers = self.in_flight.len();
        self.in_flight.clear();
        self.queue.clear();
        self.phase = Phase::Gone(outcome.clone());
        Lost { visits: Vec::new(), outcome, workers }
    }

    /// Handshakes that go unanswered for at least so long may leave a backend behind.
    pub(super) fn note_hung(&mut self, at_least: Duration) {
        let hangs = |progress: &Progress| {
            let (stage, since) = progress.now();
            stage == Stage::Connecting && since.elapsed() >= at_least
        };
        match &self.phase {
            Phase::Probing { progress } => self.stalled |= hangs(progress),
            Phase::Ready | Phase::Gone(_) => {
                let hung = self.in_flight.iter().filter(|(_, f)| hangs(&f.progress));
                self.hung.extend(hung.map(|(database, _)| database.clone()));
            }
        }
    }
}
