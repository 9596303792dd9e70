//! What the last run saw, kept in `previous/<system identifier>.bin`: figures to rank by growth, and which texts went out.
//!
//! Losing the file costs ranking quality and some texts sent twice, nothing else. So it is written, once its batch is
//! sealed, by renaming without a sync; it carries a checksum, and anything wrong with it reads as absent.

use std::fs;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::entry::{Entry, Key};
use crate::state;

const MAGIC: [u8; 8] = *b"pganprev";
/// 1 knew our own statements by their ids alone.
const LAYOUT: u32 = 2;
const HEADER_BYTES: usize = 56;
const RECORD_BYTES: usize = 40;
const CHECKSUM_BYTES: usize = 4;
const MAX_BYTES: u64 = 64 << 20;
const DAY_US: i64 = 86_400_000_000;
/// An instant or a counter that the server did not have.
const ABSENT: i64 = i64::MIN;

/// What tells, for all statements at once, whether two readings belong together. Instants are the server's own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    pub postmaster_start_us: i64,
    /// From extension 1.9 on.
    pub stats_reset_us: Option<i64>,
    /// From extension 1.9 on.
    pub dealloc: Option<i64>,
    pub taken_at_us: i64,
}

/// Whether a statement's text has left this host. Under a role of the collector's a mark also says that the text was
/// judged there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Text {
    #[default]
    NotSent,
    /// With the batch of this sequence, kept modulo 2^29 (a thousand years of minutes).
    Sent(u32),
    /// A statement of the collector itself, under this user.
    Own,
}

impl Text {
    pub fn sent(sequence: u64) -> Text {
        Text::Sent((sequence % (1 << 29)) as u32)
    }

    fn pack(self) -> u32 {
        match self {
            Text::NotSent => 0,
            Text::Own => 1,
            Text::Sent(sequence) => 2 | (sequence << 2),
        }
    }

    fn unpack(packed: u32) -> Text {
        match packed & 3 {
            2 => Text::Sent(packed >> 2),
            1 => Text::Own,
            _ => Text::NotSent,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub key: Key,
    pub calls: i64,
    pub time_us: i64,
    /// Low half of the entry's own `stats_since`, enough to see that it changed; 0 where there was none.
    pub since_tag: u32,
    pub text: Text,
}

pub struct Previous {
    pub facts: Facts,
    /// Where texts went: marks are worth nothing to another target.
    pub target: u64,
    /// Sorted by key.
    pub records: Vec<Record>,
}

pub fn since_tag(stats_since_us: Option<i64>) -> u32 {
    stats_since_us.map_or(0, |at| (at as u32).max(1))
}

impl Record {
    pub fn of(entry: &Entry, text: Text) -> Record {
        let Entry { key, calls, time_us, stats_since_us, .. } = *entry;
        Record { key, calls, time_us, since_tag: since_tag(stats_since_us), text }
    }

    fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        bytes[0..8].copy_from_slice(&self.key.queryid.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.key.dbid.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.key.userid.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.calls.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.time_us.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.since_tag.to_le_bytes());
        let packed = (self.text.pack() << 1) | u32::from(self.key.toplevel);
        bytes[36..40].copy_from_slice(&packed.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; RECORD_BYTES]) -> Record {
        let packed = u32_at(bytes, 36);
        let key = Key {
            queryid: i64_at(bytes, 0),
            dbid: u32_at(bytes, 8),
            userid: u32_at(bytes, 12),
            toplevel: packed & 1 == 1,
        };
        Record {
            key,
            calls: i64_at(bytes, 16),
            time_us: i64_at(bytes, 24),
            since_tag: u32_at(bytes, 32),
            text: Text::unpack(packed >> 1),
        }
    }
}

impl Previous {
    /// Forgets marks that no longer prove anything: their batch was lost, the target is another one, or their day is
    /// over. Each statement has its own moment of the day, so that texts are renewed evenly and not all at once.
    pub fn void_marks(&mut self, target: u64, lost_sequences: &[u64], now_us: i64) {
        let lost: Vec<Text> = lost_sequences.iter().map(|&sequence| Text::sent(sequence)).collect();
        let (other_target, then_us) = (self.target != target, self.facts.taken_at_us);
        for record in &mut self.records {
            let over = || day(then_us, record.key.queryid) != day(now_us, record.key.queryid);
            if matches!(record.text, Text::Sent(_)) && (other_target || over() || lost.contains(&record.text))
            {
                record.text = Text::NotSent;
            }
        }
    }
}

fn day(at_us: i64, queryid: i64) -> i64 {
    at_us.saturating_add(queryid.rem_euclid(DAY_US)).div_euclid(DAY_US)
}

/// The last run's state, or nothing: a first run, and whatever is wrong with the file.
pub fn read(path: &Path) -> Option<Previous> {
    let file = state::open(path).ok()?;
    let length = file.metadata().ok().filter(fs::Metadata::is_file)?.len();
    if length > MAX_BYTES {
        return None;
    }
    let mut source = Summed { inner: BufReader::new(file), sum: crc32fast::Hasher::new() };
    let header: [u8; HEADER_BYTES] = source.take().ok()?;
    let count = u32_at(&header, 12) as usize;
    let expected = HEADER_BYTES + count * RECORD_BYTES + CHECKSUM_BYTES;
    if header[..8] != MAGIC || u32_at(&header, 8) != LAYOUT || length != expected as u64 {
        return None;
    }
    let mut records = Vec::with_capacity(count);
    for _ in 0..count {
        records.push(Record::decode(&source.take().ok()?));
    }
    let sum = source.sum.clone().finalize();
    let sound = u32::from_le_bytes(source.take().ok()?) == sum;
    let sorted = records.is_sorted_by(|a, b| a.key < b.key);
    (sound && sorted).then(|| Previous {
        facts: facts_of(&header),
        target: i64_at(&header, 48) as u64,
        records,
    })
}

/// The file's content. `records` come sorted by key, as many as `count` says.
pub fn encode(facts: &Facts, target: u64, count: usize, records: impl Iterator<Item = Record>) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + count * RECORD_BYTES + CHECKSUM_BYTES);
    out.extend_from_slice(&header_of(facts, target, count));
    records.for_each(|record| out.extend_from_slice(&record.encode()));
    let sum = crc32fast::hash(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

fn header_of(facts: &Facts, target: u64, count: usize) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[0..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&LAYOUT.to_le_bytes());
    bytes[12..16].copy_from_slice(&(count as u32).to_le_bytes());
    bytes[16..24].copy_from_slice(&facts.postmaster_start_us.to_le_bytes());
    bytes[24..32].copy_from_slice(&facts.stats_reset_us.unwrap_or(ABSENT).to_le_bytes());
    bytes[32..40].copy_from_slice(&facts.dealloc.unwrap_or(ABSENT).to_le_bytes());
    bytes[40..48].copy_from_slice(&facts.taken_at_us.to_le_bytes());
    bytes[48..56].copy_from_slice(&target.to_le_bytes());
    bytes
}

fn facts_of(header: &[u8; HEADER_BYTES]) -> Facts {
    let optional = |at| Some(i64_at(header, at)).filter(|&value| value != ABSENT);
    Facts {
        postmaster_start_us: i64_at(header, 16),
        stats_reset_us: optional(24),
        dealloc: optional(32),
        taken_at_us: i64_at(header, 40),
    }
}

/// Reads fixed pieces and sums them up.
struct Summed<R> {
    inner: R,
    sum: crc32fast::Hasher,
}

impl<R: Read> Summed<R> {
    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes)?;
        self.sum.update(&bytes);
        Ok(bytes)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    let (low, high) = (u32_at(bytes, at), u32_at(bytes, at + 4));
    (i64::from(high as i32) << 32) | i64::from(low)
}

#[cfg(test)]
mod tests;
