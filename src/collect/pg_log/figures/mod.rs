//! What is made of the entries: counts without a bound on entries, rows with one.
//!
//! Everything grows to a fixed size and no further, whatever a log holds. A statement's text is masked once, when its
//! shape is first seen; the others of that shape only add to its figures.

mod checkpoints;
mod locks;
mod samples;
mod sessions;
mod statements;
mod top;
mod vacuums;

use std::collections::BTreeMap;

use serde::Serialize;

use super::entry::{Entry, Sink};
use super::kinds::{self, Kind, Reading};
use super::level::Level;
use super::plans::Plans;
use super::read::{after, number};
use super::times::{Clock, written};
use crate::collect::statement_text::Texts;
use checkpoints::Checkpoints;
use locks::{Deadlocks, LockWaits};
use samples::Samples;
use sessions::Sessions;
use statements::{Failed, Slow, TempFiles};
pub(super) use top::shape;
use vacuums::Vacuums;

/// Codes that are told one by one.
const MOST_CODES: usize = 200;

pub(super) struct Figures {
    clock: Clock,
    texts: Texts,
    terse: bool,
    /// The latest that was read in earlier runs.
    known_us: i64,
    /// What is no later has been read from another file.
    read_until_us: Option<i64>,
    entries: u64,
    aliens: u64,
    pub(super) cut: u64,
    from_us: Option<i64>,
    pub(super) to_us: Option<i64>,
    levels: [u64; Level::ALL.len()],
    codes: BTreeMap<(Level, [u8; 5]), u64>,
    kinds: Vec<Counted>,
    checkpoints: Checkpoints,
    vacuums: Vacuums,
    analyzes: Vacuums,
    slow: Slow,
    failed: Failed,
    temp_files: TempFiles,
    lock_waits: LockWaits,
    deadlocks: Deadlocks,
    sessions: Sessions,
    samples: Samples,
    plans: Plans,
}

#[derive(Clone, Copy, Default)]
struct Counted {
    count: u64,
    first_us: Option<i64>,
    last_us: Option<i64>,
}

/// An entry with what is known of it already.
pub(super) struct Seen<'a> {
    pub(super) entry: &'a Entry<'a>,
    pub(super) at_us: Option<i64>,
    pub(super) kind: Option<Kind>,
    pub(super) texts: Texts,
    /// log_error_verbosity: entries have no more than a message.
    pub(super) terse: bool,
}

impl Figures {
    pub(super) fn new(clock: Clock, texts: Texts, terse: bool, known_us: i64) -> Figures {
        Figures {
            clock,
            texts,
            terse,
            known_us,
            read_until_us: None,
            entries: 0,
            aliens: 0,
            cut: 0,
            from_us: None,
            to_us: None,
            levels: [0; Level::ALL.len()],
            codes: BTreeMap::new(),
            kinds: vec![Counted::default(); kinds::all().len()],
            checkpoints: Checkpoints::default(),
            vacuums: Vacuums::default(),
            analyzes: Vacuums::default(),
            slow: Slow::default(),
            failed: Failed::default(),
            temp_files: TempFiles::default(),
            lock_waits: LockWaits::default(),
            deadlocks: Deadlocks::default(),
            sessions: Sessions::default(),
            samples: Samples::default(),
            plans: Plans::default(),
        }
    }

    /// From here on only what is later than all that has been read.
    pub(super) fn pass_over_what_was_read(&mut self) {
        self.read_until_us = Some(self.known_us.max(self.to_us.unwrap_or_default()));
    }

    fn count(&mut self, entry: &Entry, at_us: Option<i64>) -> Option<Kind> {
        self.entries += 1;
        self.levels[entry.level as usize] += 1;
        self.from_us = self.from_us.or(at_us);
        self.to_us = at_us.or(self.to_us);
        if let Some(code) = entry.sqlstate.first_chunk::<5>().filter(|code| *code != b"00000") {
            let full = self.codes.len() >= MOST_CODES;
            match self.codes.get_mut(&(entry.level, *code)) {
                Some(count) => *count += 1,
                None if full => {}
                None => drop(self.codes.insert((entry.level, *code), 1)),
            }
        }
        let kind = kinds::of(entry)?;
        let counted = &mut self.kinds[kind.id];
        counted.count += 1;
        counted.first_us = counted.first_us.or(at_us);
        counted.last_us = at_us.or(counted.last_us);
        Some(kind)
    }

    fn read(&mut self, seen: &Seen) {
        match seen.kind.map_or(Reading::Nothing, |kind| kind.reading) {
            Reading::Nothing | Reading::Statement => {}
            Reading::Duration => self.slow.add(seen),
            Reading::Plan => self.plans.add(seen),
            Reading::CheckpointStart => self.checkpoints.starting(seen),
            Reading::Checkpoint => self.checkpoints.add(seen),
            Reading::Vacuum => self.vacuums.add(seen),
            Reading::Analyze => self.analyzes.add(seen),
            Reading::TempFile => self.temp_files.add(seen),
            Reading::LockWait => self.lock_waits.add(seen),
            Reading::Deadlock => self.deadlocks.add(seen),
            Reading::Session => self.sessions.add(seen),
        }
        if seen.entry.level >= Level::Error && !seen.entry.statement.is_empty() {
            self.failed.add(seen);
        }
        self.samples.add(seen);
    }

    pub(super) fn item(self) -> Item {
        let levels = self.levels.iter().zip(Level::ALL).filter(|(count, _)| **count > 0);
        let codes = self.codes.into_iter().map(|((level, code), count)| Code {
            class: String::from_utf8_lossy(&code[..2]).into_owned(),
            sqlstate: String::from_utf8_lossy(&code).into_owned(),
            level: level.name(),
            count,
        });
        let kinds = kinds::all().iter().zip(&self.kinds).filter(|(_, counted)| counted.count > 0);
        Item {
            from: self.from_us.map(written),
            to: self.to_us.map(written),
            entries: self.entries,
            unparsed_lines: self.aliens,
            cut_entries: self.cut,
            by_level: levels.map(|(count, (_, name))| (name, *count)).collect(),
            sqlstates: codes.collect(),
            kinds: kinds
                .map(|(kind, counted)| KindRow {
                    kind: kind.name,
                    severity: kind.severity.name(),
                    count: counted.count,
                    first: counted.first_us.map(written),
                    last: counted.last_us.map(written),
                })
                .collect(),
            checkpoints: self.checkpoints.told(),
            autovacuums: self.vacuums.told(),
            autoanalyzes: self.analyzes.told(),
            slow_statements: self.slow.told(),
            failed_statements: self.failed.told(),
            temp_files: self.temp_files.told(),
            lock_waits: self.lock_waits.told(),
            deadlocks: self.deadlocks.told(),
            sessions: self.sessions.told(),
            plans: self.plans.told(),
            samples: self.samples.told(),
        }
    }
}

impl Sink for Figures {
    fn entry(&mut self, entry: &Entry) {
        let at_us = self.clock.read(entry.time);
        if self.read_until_us.is_some_and(|until| at_us.is_some_and(|at| at <= until)) {
            return;
        }
        let kind = self.count(entry, at_us);
        self.read(&Seen { entry, at_us, kind, texts: self.texts, terse: self.terse });
    }

    fn alien(&mut self) {
        self.aliens += 1;
    }
}

#[derive(Serialize)]
pub(super) struct Item {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    pub(super) entries: u64,
    unparsed_lines: u64,
    cut_entries: u64,
    by_level: BTreeMap<&'static str, u64>,
    sqlstates: Vec<Code>,
    kinds: Vec<KindRow>,
    checkpoints: checkpoints::Told,
    autovacuums: vacuums::Told,
    autoanalyzes: vacuums::Told,
    slow_statements: statements::SlowTold,
    failed_statements: Vec<statements::FailedRow>,
    temp_files: statements::TempTold,
    lock_waits: locks::Told,
    deadlocks: Vec<locks::Deadlock>,
    sessions: sessions::Told,
    plans: Vec<super::plans::Plan>,
    samples: Vec<samples::Sample>,
}

#[derive(Serialize)]
struct Code {
    sqlstate: String,
    class: String,
    level: &'static str,
    count: u64,
}

#[derive(Serialize)]
struct KindRow {
    kind: &'static str,
    severity: &'static str,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
}

/// A name as an entry has it, if it has one.
fn name(raw: &[u8]) -> Option<String> {
    (!raw.is_empty() && raw != b"[unknown]").then(|| String::from_utf8_lossy(raw).into_owned())
}

/// An id of a statement; 0 is none.
pub(super) fn queryid(raw: &[u8]) -> Option<String> {
    (!raw.is_empty() && raw != b"0").then(|| String::from_utf8_lossy(raw).into_owned())
}

/// Milliseconds behind a word.
fn ms_after(text: &[u8], word: &str) -> Option<f64> {
    number(after(text, word)?)
}
