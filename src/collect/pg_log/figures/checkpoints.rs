//! Checkpoints and restartpoints.

use serde::Serialize;

use super::Seen;
use super::top::Top;
use crate::collect::pg_log::entry;
use crate::collect::pg_log::read::{after, count_of, number, whole};
use crate::collect::pg_log::times::written;

const MOST: usize = 60;

pub(super) struct Checkpoints {
    count: u64,
    timed: u64,
    by_wal: u64,
    requested: u64,
    /// Of the one under way.
    cause: Option<String>,
    /// The latest.
    rows: Top<Checkpoint>,
}

impl Default for Checkpoints {
    fn default() -> Checkpoints {
        Checkpoints { count: 0, timed: 0, by_wal: 0, requested: 0, cause: None, rows: Top::new(MOST) }
    }
}

#[derive(Serialize)]
pub(super) struct Told {
    completed: u64,
    started_by_time: u64,
    started_by_wal: u64,
    started_by_request: u64,
    rows: Vec<Checkpoint>,
}

#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(default)]
struct Checkpoint {
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    restartpoint: bool,
    /// As the server says it: `time`, `wal`, `immediate force wait`.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buffers_written: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buffers_percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slru_buffers_written: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wal_files_added: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wal_files_removed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wal_files_recycled: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_files: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    longest_sync_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_sync_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distance_kb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate_kb: Option<u64>,
}

impl Checkpoints {
    pub(super) fn starting(&mut self, seen: &Seen) {
        let message = &seen.entry.message;
        let cause = after(message, "starting: ").map(entry::text).unwrap_or_default();
        let has = |word: &str| cause.split_whitespace().any(|w| w == word);
        match () {
            () if has("time") => self.timed += 1,
            () if has("wal") || has("xlog") => self.by_wal += 1,
            () => self.requested += 1,
        }
        self.cause = Some(cause);
    }

    pub(super) fn add(&mut self, seen: &Seen) {
        self.count += 1;
        let mut row = read(&seen.entry.message);
        row.at = seen.at_us.map(written);
        row.cause = self.cause.take();
        let at = seen.at_us.unwrap_or_default();
        self.rows.push(at as f64, || row);
    }

    pub(super) fn told(self) -> Told {
        Told {
            completed: self.count,
            started_by_time: self.timed,
            started_by_wal: self.by_wal,
            started_by_request: self.requested,
            rows: self.rows.told(),
        }
    }
}

fn read(message: &[u8]) -> Checkpoint {
    let ms = |word: &str| Some((number(after(message, word)?)? * 1e6).round() / 1000.0);
    let kb = |word: &str| whole(after(message, word)?);
    Checkpoint {
        at: None,
        restartpoint: message.starts_with(b"restartpoint"),
        cause: None,
        buffers_written: count_of(message, " buffers"),
        buffers_percent: after(message, " buffers (").and_then(number),
        slru_buffers_written: count_of(message, " SLRU buffers"),
        wal_files_added: count_of(message, " WAL file(s) added"),
        wal_files_removed: count_of(message, " removed"),
        wal_files_recycled: count_of(message, " recycled"),
        write_ms: ms("write="),
        sync_ms: ms("sync="),
        total_ms: ms("total="),
        sync_files: after(message, "sync files=").and_then(whole),
        longest_sync_ms: ms("longest="),
        average_sync_ms: ms("average="),
        distance_kb: kb("distance="),
        estimate_kb: kb("estimate="),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_read() {
        let old = read(
            b"checkpoint complete: wrote 3 buffers (0.1%); 1 WAL file(s) added, 2 removed, 4 recycled; write=0.203 s, \
              sync=0.001 s, total=0.222 s; sync files=5, longest=0.001 s, average=0.0005 s; distance=16384 kB, estimate=20000 kB",
        );
        let new = read(
            b"restartpoint complete: wrote 3 buffers (0.1%), wrote 7 SLRU buffers; 1 WAL file(s) added, 2 removed, 4 recycled; \
              write=0.203 s, sync=0.001 s, total=0.222 s; sync files=5, longest=0.001 s, average=0.0005 s; distance=16384 kB, \
              estimate=20000 kB; lsn=0/1, redo lsn=0/1",
        );
        let expected = Checkpoint {
            buffers_written: Some(3),
            buffers_percent: Some(0.1),
            wal_files_added: Some(1),
            wal_files_removed: Some(2),
            wal_files_recycled: Some(4),
            write_ms: Some(203.0),
            sync_ms: Some(1.0),
            total_ms: Some(222.0),
            sync_files: Some(5),
            longest_sync_ms: Some(1.0),
            average_sync_ms: Some(0.5),
            distance_kb: Some(16384),
            estimate_kb: Some(20000),
            ..Checkpoint::default()
        };
        assert_eq!(old, expected);
        assert_eq!(new, Checkpoint { restartpoint: true, slru_buffers_written: Some(7), ..expected });
        assert_eq!(read(b"checkpoint complete: who knows"), Checkpoint::default());
    }
}
