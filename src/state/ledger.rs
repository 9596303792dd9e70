//! The ledger: the one file that a run leaves for the next. Schedule, costs, breaker, sequence, what went lost.
//!
//! Crash argument: written by rename after the batch is sealed, and again after pushing. A crash before the first
//! write collects once more; a crash between them pushes once more, which the batch id makes harmless. It is
//! checksummed, not synced: a torn or alien one is set aside as `ledger.bad-<time>` and the run starts afresh, which
//! costs one extra collection and nothing else, as the spool's own names hold the sequence. One that is good and cannot be
//! read now (too many open files, a disk's error) stays as it is, and the run does not take place: that costs one reading,
//! where writing another in its place would cost log positions, breaker, wants and the counters of what went lost.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wire::Want;

use super::breaker::Breaker;
use super::{Durability, write_atomic};
use crate::push::pull::Pulled;

/// Layout of the file. A file of another layout is set aside like a corrupt one.
pub const LAYOUT: u32 = 1;

/// How many sequences each list of them holds, the latest.
pub const REMEMBERED: usize = 256;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Of the batch sealed last.
    pub sequence: u64,
    /// Parts due less often than each run: `pg_stats.sizes@main/app`.
    pub parts: BTreeMap<String, PartState>,
    pub servers: BTreeMap<String, ServerState>,
    pub breaker: Breaker,
    /// Unix seconds of the last acknowledged push.
    pub pushed_at: Option<i64>,
    pub stubborn: Vec<Stubborn>,
    /// What fell out of the spool and reject/, ever.
    pub dropped: Dropped,
    /// Batches that never arrived: marks of texts that they carried are void.
    pub lost_sequences: Vec<u64>,
    pub wants: Vec<Want>,
    /// The configuration that the backend keeps.
    pub pulled: Pulled,
    /// Bytes of the last days' files that are known to be whole, for `file://`.
    pub committed: BTreeMap<String, u64>,
    /// Counters of the host at the last run: rates need two readings.
    pub host: Option<Box<RawJson>>,
    pub last_run: Option<Box<RawJson>>,
    /// What has been told to a person already, and when.
    pub conditions: BTreeMap<String, Condition>,
    pub totals: Totals,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartState {
    /// Unix seconds; where a part has never run, chosen so that first runs spread.
    pub last: i64,
    /// Moving average of what it takes the server.
    pub cost_ms: Option<f64>,
    /// How many runs in a row it was shed.
    pub shed: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerState {
    /// Handshakes in a row that were never answered, and until when to leave the server alone.
    pub stalls: u32,
    pub until: Option<i64>,
    /// The same for single databases, where the server answers and they do not.
    pub databases: BTreeMap<String, BackOff>,
    /// The database that the deadline cut off last time: first in line now.
    pub resume_at: Option<String>,
    /// Columns that this server turned out not to have, by statement: not asked for again.
    pub missing: BTreeMap<String, Vec<String>>,
    /// The versions that `missing` was learnt from.
    pub missing_of: String,
    /// Until when it holds, where some of it is there and was refused: grants change.
    pub missing_until: Option<i64>,
    /// Parts that this server refused: not asked for again for a while.
    pub refused: BTreeMap<String, Refused>,
    /// The versions and rights that `refused` was learnt with.
    pub refused_of: String,
    /// The database to look from, as the first in line lacks pg_stat_statements.
    pub looks_from: Option<String>,
    /// When the other databases were last asked for it in vain.
    pub sought: Option<i64>,
    /// Where its log has been read to.
    pub log_position: Option<Box<RawJson>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackOff {
    pub stalls: u32,
    /// Unix seconds.
    pub until: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Refused {
    pub sqlstate: String,
    /// The server's message.
    pub why: String,
    /// Unix seconds.
    pub until: i64,
}

/// A batch that the backend answers with 500 while it is healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stubborn {
    pub batch: String,
    pub answers: u32,
    pub since: i64,
    /// It has already been put behind the others once.
    pub moved: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dropped {
    pub batches: u64,
    pub bytes: u64,
    /// Of those counted last: they are counted once, whatever ended the run that was to remove them.
    pub sequences: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    pub since: i64,
    pub told: i64,
    /// When it was last there.
    #[serde(default)]
    pub seen: i64,
    pub text: String,
}

/// Counters over all runs, for a textfile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    pub cycle_ms: f64,
    pub acquisitions: u64,
    pub reuses: u64,
    pub cpu_seconds: f64,
    pub peak_rss_bytes: u64,
    pub parts: u64,
    pub failed_parts: u64,
}

/// JSON kept as it came: the ledger does not look into it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RawJson(pub Box<RawValue>);

impl PartialEq for RawJson {
    fn eq(&self, other: &RawJson) -> bool {
        self.0.get() == other.0.get()
    }
}

impl RawJson {
    pub fn of<T: Serialize>(value: &T) -> Option<Box<RawJson>> {
        serde_json::value::to_raw_value(value).ok().map(|raw| Box::new(RawJson(raw)))
    }

    /// `None` when it is of another shape: an older release wrote it.
    pub fn read<T: for<'a> Deserialize<'a>>(&self) -> Option<T> {
        serde_json::from_str(self.0.get()).ok()
    }
}

#[derive(Serialize, Deserialize)]
struct OnDisk {
    layout: u32,
    crc32: u32,
    ledger: Box<RawValue>,
}

/// Reads it, and says when it had to be set aside. An error is one that may pass, so that the file is left as it is: who
/// gets it must not run on, as that would write another in its place.
pub fn read(path: &Path, now: i64) -> Result<(Ledger, Option<String>)> {
    let why = match super::read(path) {
        Ok(text) => match decode(&text) {
            Ok(ledger) => return Ok((ledger, None)),
            Err(why) => why,
        },
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok((Ledger::default(), None));
        }
        Err(e) if stays(&e) => e.to_string(),
        Err(e) => {
            return Err(e).with_context(|| {
                format!(
                    "reading the ledger {}; nothing is done, so that what it holds is not lost, and the next run tries again; move it away if this does not pass",
                    path.display()
                )
            });
        }
    };
    let aside = path.with_file_name(format!("ledger.bad-{now}"));
    let kept = match fs::rename(path, &aside) {
        Ok(()) => format!("kept as {}", aside.display()),
        Err(e) => format!("moving it to {} failed: {e}", aside.display()),
    };
    Ok((
        Ledger::default(),
        Some(format!("ledger {} set aside ({why}), {kept}; starting afresh", path.display())),
    ))
}

/// Whether it will be the same in the next run: no plain file, or nobody's that runs this.
fn stays(e: &io::Error) -> bool {
    e.kind() == ErrorKind::PermissionDenied || e.raw_os_error().is_none()
}

impl Ledger {
    /// Where each server's log has been read to.
    pub fn log_positions(&self) -> BTreeMap<String, Box<RawJson>> {
        let known = self.servers.iter();
        known.filter_map(|(name, state)| Some((name.clone(), state.log_position.clone()?))).collect()
    }
}

/// The same for a run that may change nothing.
pub fn peek(path: &Path) -> Ledger {
    super::read(path).ok().and_then(|text| decode(&text).ok()).unwrap_or_default()
}

fn decode(text: &[u8]) -> Result<Ledger, String> {
    let on_disk: OnDisk = serde_json::from_slice(text).map_err(|e| format!("not a ledger: {e}"))?;
    if on_disk.layout != LAYOUT {
        return Err(format!("layout {}, this release reads {LAYOUT}", on_disk.layout));
    }
    if crc32fast::hash(on_disk.ledger.get().as_bytes()) != on_disk.crc32 {
        return Err("its checksum does not match".to_owned());
    }
    serde_json::from_str(on_disk.ledger.get()).map_err(|e| format!("not a ledger: {e}"))
}

impl Ledger {
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = self.encode().context("encoding the ledger")?;
        write_atomic(path, &text, 0o600, Durability::Renamed)
            .with_context(|| format!("writing the ledger {}", path.display()))
    }

    fn encode(&self) -> serde_json::Result<Vec<u8>> {
        let ledger = serde_json::value::to_raw_value(self)?;
        serde_json::to_vec(&OnDisk {
            layout: LAYOUT,
            crc32: crc32fast::hash(ledger.get().as_bytes()),
            ledger,
        })
    }

    /// A batch that will never arrive.
    pub fn lose(&mut self, sequence: u64, bytes: u64) {
        if !self.dropped.sequences.contains(&sequence) {
            self.dropped.batches += 1;
            self.dropped.bytes += bytes;
            remember(&mut self.dropped.sequences, sequence);
            self.void_marks(sequence);
        }
    }

    pub fn void_marks(&mut self, sequence: u64) {
        remember(&mut self.lost_sequences, sequence);
    }
}

fn remember(sequences: &mut Vec<u64>, sequence: u64) {
    sequences.push(sequence);
    let surplus = sequences.len().saturating_sub(REMEMBERED);
    sequences.drain(..surplus);
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    fn filled() -> Ledger {
        let mut ledger = Ledger { sequence: 41, pushed_at: Some(7), ..Ledger::default() };
        ledger
            .parts
            .insert("pg_stats.sizes@main/app".into(), PartState { last: 5, cost_ms: Some(1.5), shed: 2 });
        ledger.host = RawJson::of(&vec![1, 2, 3]);
        ledger
    }

    #[test]
    fn reads_back_what_it_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.json");
        filled().write(&path).unwrap();
        let (ledger, aside) = read(&path, 0).unwrap();
        assert_eq!((ledger, aside), (filled(), None));
    }

    #[test]
    fn anything_else_is_set_aside_and_never_fatal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.json");
        filled().write(&path).unwrap();
        let good = fs::read_to_string(&path).unwrap();
        let bad: [String; 5] = [
            String::new(),
            good[..good.len() / 2].to_owned(),
            good.replace("\"sequence\":41", "\"sequence\":42"),
            good.replace("\"layout\":1", "\"layout\":9"),
            "[1]".to_owned(),
        ];
        for (n, text) in bad.iter().enumerate() {
            fs::write(&path, text).unwrap();
            let (ledger, aside) = read(&path, n as i64).unwrap();
            assert_eq!(ledger, Ledger::default());
            assert!(aside.unwrap().contains("set aside"));
            assert_eq!(&fs::read_to_string(dir.path().join(format!("ledger.bad-{n}"))).unwrap(), text);
        }
    }

    #[test]
    fn what_cannot_be_a_ledger_is_set_aside_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.json");
        fs::create_dir(&path).unwrap();
        let (ledger, aside) = read(&path, 7).unwrap();
        assert_eq!(ledger, Ledger::default());
        assert!(aside.unwrap().contains("no plain file"));
        assert!(dir.path().join("ledger.bad-7").is_dir() && !path.exists());
    }

    #[test]
    fn a_good_one_that_cannot_be_read_now_stays() {
        for passes in [Errno::IO, Errno::MFILE, Errno::NFILE, Errno::NOMEM] {
            assert!(!stays(&passes.into()), "{passes}");
        }
        assert!(stays(&io::Error::from(ErrorKind::PermissionDenied)) && stays(&io::Error::other("a link")));
    }

    #[test]
    fn lost_sequences_stay_bounded() {
        let mut ledger = Ledger::default();
        (0..1000).for_each(|n| ledger.lose(n, 10));
        assert_eq!(ledger.lost_sequences.len(), 256);
        assert_eq!(ledger.lost_sequences[255], 999);
        assert_eq!((ledger.dropped.batches, ledger.dropped.bytes), (1000, 10_000));
        (900..1000).for_each(|n| ledger.lose(n, 10));
        assert_eq!(ledger.dropped.batches, 1000, "what was counted is not counted again");
    }
}
