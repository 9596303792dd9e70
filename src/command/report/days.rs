//! The day files of a file target, read from their end: no more than what is asked for, one batch at a time.
//!
//! A batch is appended when it is delivered, so those of a day are in order but for the ones that came late. Looking
//! backwards ends where a good many in a row are too old; what is left is read in the order of its time. Of each line
//! only its beginning is looked at before it is known to be wanted.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;

/// Too old in a row: rejected batches that were delivered late may stand between newer ones.
const STRAYS: usize = 64;
/// What is read at once in search of a line's beginning.
const PIECE: usize = 64 * 1024;
/// The time is among a batch's first fields.
const HEAD: usize = 4096;
/// A batch is some megabytes; what is larger is none.
const LARGEST: u64 = 512 << 20;

/// A batch in a file.
struct Line {
    at: Timestamp,
    file: usize,
    start: u64,
    length: u64,
}

/// Gives each batch of the last `since` before the newest to `take`, the oldest first; gives back how many lines were no
/// batches.
pub(super) fn read(
    folder: &Path,
    since: Duration,
    mut take: impl FnMut(&[u8]) -> Result<()>,
) -> Result<usize> {
    let mut unread = 0;
    let files = day_files(folder)?;
    let mut lines = find(&files, since, &mut unread)?;
    lines.sort_by_key(|line| (line.at, line.file, line.start));
    let mut text = Vec::new();
    for line in lines {
        let (path, file) = &files[line.file];
        text.resize(usize::try_from(line.length).unwrap_or(0), 0);
        file.read_exact_at(&mut text, line.start).with_context(|| format!("reading {}", path.display()))?;
        unread += usize::from(take(&text).is_err());
    }
    Ok(unread)
}

/// The newest day last.
fn day_files(folder: &Path) -> Result<Vec<(PathBuf, File)>> {
    let listing =
        fs::read_dir(folder).with_context(|| format!("listing the day files in {}", folder.display()))?;
    let ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("pganalytics-") && name.ends_with(".jsonl") && path.is_file()
    };
    let mut paths: Vec<PathBuf> = listing.filter_map(|found| Some(found.ok()?.path())).filter(ours).collect();
    paths.sort();
    let open = |path: PathBuf| {
        let file = File::open(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok((path, file))
    };
    paths.into_iter().map(open).collect()
}

fn find(files: &[(PathBuf, File)], since: Duration, unread: &mut usize) -> Result<Vec<Line>> {
    let mut lines: Vec<Line> = Vec::new();
    let mut newest: Option<Timestamp> = None;
    let mut strays = 0;
    for (n, (path, file)) in files.iter().enumerate().rev() {
        let doing = || format!("reading {}", path.display());
        // What has no end is being written, or was torn.
        let mut end = newline_before(file, file.metadata().with_context(doing)?.len()).with_context(doing)?;
        while let Some(last) = end {
            end = newline_before(file, last).with_context(doing)?;
            let start = end.map_or(0, |newline| newline + 1);
            match time_of(file, start, last).with_context(doing)? {
                Some(at) => {
                    newest = newest.max(Some(at));
                    let old = newest.is_some_and(|newest| older(at, newest, since));
                    strays = if old { strays + 1 } else { 0 };
                    if !old {
                        lines.push(Line { at, file: n, start, length: last - start });
                    }
                }
                None => *unread += 1,
            }
            if strays >= STRAYS {
                return Ok(within(lines, newest, since));
            }
        }
    }
    Ok(within(lines, newest, since))
}

fn older(at: Timestamp, newest: Timestamp, since: Duration) -> bool {
    newest.as_millisecond() - at.as_millisecond() > i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A newer one may have been found after some were taken.
fn within(mut lines: Vec<Line>, newest: Option<Timestamp>, since: Duration) -> Vec<Line> {
    lines.retain(|line| newest.is_none_or(|newest| !older(line.at, newest, since)));
    lines
}

/// Where the last newline before `end` is.
fn newline_before(file: &File, mut end: u64) -> std::io::Result<Option<u64>> {
    let mut piece = vec![0; PIECE];
    while end > 0 {
        let start = end.saturating_sub(PIECE as u64);
        let part = &mut piece[..(end - start) as usize];
        file.read_exact_at(part, start)?;
        if let Some(at) = memchr::memrchr(b'\n', part) {
            return Ok(Some(start + at as u64));
        }
        end = start;
    }
    Ok(None)
}

fn time_of(file: &File, start: u64, end: u64) -> std::io::Result<Option<Timestamp>> {
    if end - start > LARGEST {
        return Ok(None);
    }
    let mut head = vec![0; HEAD.min((end - start) as usize)];
    file.read_exact_at(&mut head, start)?;
    const KEY: &[u8] = b"\"timestamp\":\"";
    // Items have times too.
    let own = memchr::memmem::find(&head, b"\"metrics\":").map_or(&head[..], |items| &head[..items]);
    let found = memchr::memmem::find(own, KEY).map(|at| &own[at + KEY.len()..]);
    let text = found.and_then(|rest| std::str::from_utf8(&rest[..memchr::memchr(b'"', rest)?]).ok());
    Ok(text.and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(minute: i64, filler: usize) -> String {
        let at = Timestamp::from_second(1_795_200_000 + 60 * minute).unwrap();
        format!("{{\"batch_id\":\"{minute}\",\"timestamp\":\"{at}\",\"x\":\"{}\"}}\n", "x".repeat(filler))
    }

    fn read_all(folder: &Path, since_min: u64) -> (Vec<String>, usize) {
        let mut ids = Vec::new();
        let unread = read(folder, Duration::from_secs(60 * since_min), |text| {
            let value: serde_json::Value = serde_json::from_slice(text)?;
            ids.push(value["batch_id"].as_str().unwrap().to_owned());
            Ok(())
        });
        (ids, unread.unwrap())
    }

    #[test]
    fn what_is_asked_for_and_no_more_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let days = [0..1000i64, 1000..1010];
        for (n, minutes) in days.into_iter().enumerate() {
            // Lines longer than a piece, and shorter ones.
            let text: String =
                minutes.map(|m| line(m, if m % 7 == 0 { 3 * PIECE / 2 } else { 10 })).collect();
            fs::write(dir.path().join(format!("pganalytics-2026-11-2{n}.jsonl")), text).unwrap();
        }
        fs::write(dir.path().join("other.jsonl"), line(5000, 1)).unwrap();
        let (ids, unread) = read_all(dir.path(), 20);
        assert_eq!(ids, (989..1010).map(|m| m.to_string()).collect::<Vec<_>>());
        assert_eq!(unread, 0);
    }

    /// Before what is asked for lies more than anybody could read.
    #[test]
    fn what_is_not_asked_for_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = File::create(dir.path().join("pganalytics-2026-11-20.jsonl")).unwrap();
        let far = 1u64 << 42;
        file.set_len(far).unwrap();
        let tail: String = (0..STRAYS as i64 + 1).chain(1000..1005).map(|m| line(m, 10)).collect();
        file.write_all_at(format!("\n{tail}").as_bytes(), far).unwrap();
        let (ids, unread) = read_all(dir.path(), 20);
        assert_eq!((ids.len(), unread), (5, 0));
    }

    #[test]
    fn late_ones_torn_ones_and_what_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let late: String = (0..STRAYS as i64 - 1).map(|m| line(m, 5)).collect();
        let text = format!(
            "{}no batch\n{{\"metrics\":[{{\"timestamp\":\"2026-11-20T00:00:00Z\"}}]}}\n{}{late}{}{{\"timestamp\":\"2026",
            line(998, 1),
            line(999, 1),
            line(1000, 1)
        );
        fs::write(dir.path().join("pganalytics-2026-11-20.jsonl"), text).unwrap();
        let (ids, unread) = read_all(dir.path(), 5);
        assert_eq!((ids, unread), (vec!["998".to_owned(), "999".to_owned(), "1000".to_owned()], 2));
    }

    #[test]
    fn an_empty_folder_holds_nothing_and_none_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read_all(dir.path(), 5), (Vec::new(), 0));
        fs::write(dir.path().join("pganalytics-2026-11-20.jsonl"), "").unwrap();
        assert_eq!(read_all(dir.path(), 5), (Vec::new(), 0));
        assert!(read(&dir.path().join("none"), Duration::from_secs(1), |_| Ok(())).is_err());
    }
}
