//! The spool: sealed batches that no target has acknowledged yet, a file each, oldest first.
//!
//! Crash argument: a batch is in the spool from the rename that [`Spool::put`] ends with (file and directory are
//! synced by then) until its file is taken away: by [`Spool::remove`] after the target echoed its id, or by
//! [`Spool::drop_counted`] after the ledger counted it. A file name holds all that pushing needs, sequence and batch id,
//! so that nothing has to be opened, or remembered elsewhere, to know what waits. Names that are not ours are left alone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use crate::state::ledger::{self, Ledger};
use crate::state::{Durability, StateDir, not_a_link, write_atomic};

const ENDING: &str = ".json.gz";

#[derive(Clone, Debug)]
pub struct Spool {
    state: StateDir,
    folder: PathBuf,
}

/// A batch that waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub sequence: u64,
    pub batch_id: String,
    pub path: PathBuf,
    pub bytes: u64,
    pub sealed: SystemTime,
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub batches: u64,
    pub bytes: u64,
    pub oldest: Duration,
}

impl Spool {
    pub fn open(state: &StateDir) -> Spool {
        Spool { state: state.clone(), folder: state.spool() }
    }

    /// The folder of what a target refused for good.
    pub fn rejected(state: &StateDir) -> Spool {
        Spool { state: state.clone(), folder: state.reject() }
    }

    pub fn put(&self, sequence: u64, batch_id: &str, sealed: &[u8]) -> Result<Entry> {
        let path = self.folder.join(name_of(sequence, batch_id));
        let put = self
            .state
            .folder(&self.folder)
            .and_then(|()| write_atomic(&path, sealed, 0o600, Durability::Synced));
        put.with_context(|| format!("sealing the batch as {}; free or repair that disk", path.display()))?;
        let bytes = sealed.len() as u64;
        Ok(Entry { sequence, batch_id: batch_id.to_owned(), path, bytes, sealed: SystemTime::now() })
    }

    /// Everything that waits, oldest first.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let listing = match self.listing() {
            Ok(listing) => listing,
            // Where no folder is, or can be, nothing waits; sealing says what is wrong with it.
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            Err(e) => return Err(e).with_context(|| format!("listing the spool {}", self.folder.display())),
        };
        let mut entries: Vec<Entry> = listing.filter_map(|found| entry_of(&found.ok()?.path())).collect();
        entries.sort();
        Ok(entries)
    }

    fn listing(&self) -> io::Result<fs::ReadDir> {
        not_a_link(&self.folder)?;
        fs::read_dir(&self.folder)
    }

    pub fn remove(&self, entry: &Entry) -> Result<()> {
        fs::remove_file(&entry.path).with_context(|| format!("removing {}", entry.path.display()))
    }

    /// For good, and counted: the ledger is written before a file goes. So of a batch that is gone somebody always knows,
    /// and one that was counted by a run that was killed is not counted again. What could not be counted stays.
    pub fn drop_counted(&self, entries: &[Entry], ledger: &mut Ledger) -> Result<()> {
        for some in entries.chunks(ledger::REMEMBERED) {
            let before = (ledger.dropped.clone(), ledger.lost_sequences.clone());
            some.iter().for_each(|entry| ledger.lose(entry.sequence, entry.bytes));
            if let Err(e) = ledger.write(&self.state.ledger()) {
                (ledger.dropped, ledger.lost_sequences) = before;
                return Err(e.context(
                    "counting the batches that are to be dropped; they stay until that can be done",
                ));
            }
            some.iter().try_for_each(|entry| self.remove(entry))?;
        }
        Ok(())
    }

    /// Into another folder (`reject/`, or back), under the same name.
    pub fn hand_over(&self, entry: &Entry, to: &Spool) -> Result<()> {
        let target = to.folder.join(entry.path.file_name().unwrap_or_default());
        let moved = to.state.folder(&to.folder).and_then(|()| fs::rename(&entry.path, &target));
        moved.with_context(|| format!("moving {} to {}", entry.path.display(), to.folder.display()))
    }

    /// The oldest that have to go until the rest fits. The newest stays, however large: in the spool it is the batch of
    /// the run that asks. What a killed run left half written goes at once.
    pub fn surplus(&self, max_bytes: u64, max_age: Duration) -> Result<Vec<Entry>> {
        self.sweep();
        let mut entries = self.entries()?;
        let newest = entries.pop();
        let mut bytes: u64 = entries.iter().chain(&newest).map(|e| e.bytes).sum();
        entries.retain(|entry| {
            let goes = bytes > max_bytes || age(entry) > max_age;
            bytes -= if goes { entry.bytes } else { 0 };
            goes
        });
        Ok(entries)
    }
}

impl Spool {
    /// Only for whoever holds the lock: nobody else is writing.
    fn sweep(&self) {
        for found in self.listing().into_iter().flatten().flatten() {
            let name = found.file_name();
            let half = name.to_str().and_then(|n| n.strip_prefix('.')?.strip_suffix(".new"));
            if half.is_some_and(|name| parse_name(name).is_some()) {
                let _ = fs::remove_file(found.path());
            }
        }
    }
}

pub fn depth(entries: &[Entry]) -> Depth {
    Depth {
        batches: entries.len() as u64,
        bytes: entries.iter().map(|e| e.bytes).sum(),
        oldest: entries.iter().map(age).max().unwrap_or_default(),
    }
}

/// A clock that was set back makes nothing old.
fn age(entry: &Entry) -> Duration {
    entry.sealed.elapsed().unwrap_or_default()
}

fn entry_of(path: &Path) -> Option<Entry> {
    let (sequence, batch_id) = parse_name(path.file_name()?.to_str()?)?;
    let meta = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    let sealed = meta.modified().ok()?;
    Some(Entry { sequence, batch_id: batch_id.to_owned(), path: path.to_owned(), bytes: meta.len(), sealed })
}

fn name_of(sequence: u64, batch_id: &str) -> String {
    format!("{sequence:09}-{batch_id}{ENDING}")
}

fn parse_name(name: &str) -> Option<(u64, &str)> {
    let (sequence, batch_id) = name.strip_suffix(ENDING)?.split_once('-')?;
    let digits = (1..=20).contains(&sequence.len()) && sequence.bytes().all(|b| b.is_ascii_digit());
    let plain =
        !batch_id.is_empty() && batch_id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    (digits && plain).then_some((sequence.parse().ok()?, batch_id))
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;
