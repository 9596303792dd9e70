//! The target `file:///dir`: a JSON-lines file for each day, a batch a line.
//!
//! Crash argument: the ledger holds the length up to which a day's file is known to be whole. What lies beyond it may
//! be a line whose ledger entry was lost, or a torn one: a torn tail is cut, and a batch whose id is already there is
//! not appended again. A file that nobody remembers is looked through as a whole. All of this holds for the file of the
//! day before as well, the newest other one: a run that was killed may have written to it last.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};

pub(super) fn append(
    folder: &Path,
    committed: &mut BTreeMap<String, u64>,
    now: i64,
    batch_id: &str,
    text: &[u8],
) -> Result<()> {
    let today = day_file(now);
    let path = folder.join(&today);
    let doing = || format!("appending to {}", path.display());
    make(folder).with_context(doing)?;
    let others = other_days(folder, &today).with_context(doing)?;
    let newest = others.last();
    let mut there = false;
    for day in &others {
        let known = committed.get(day).copied();
        if known.is_none() && Some(day) != newest {
            continue;
        }
        let path = folder.join(day);
        let (whole, here) =
            finish(&path, known, batch_id).with_context(|| format!("looking through {}", path.display()))?;
        committed.insert(day.clone(), whole);
        there |= here;
    }
    committed.retain(|day, _| *day == today || Some(day) == newest);
    if !there {
        let known = committed.get(&today).copied().unwrap_or(0);
        let length = append_to(&path, folder, known, batch_id, text).with_context(doing)?;
        committed.insert(today, length);
    }
    Ok(())
}

/// Gives back the file's length; it holds the batch once.
fn append_to(path: &Path, folder: &Path, known: u64, batch_id: &str, text: &[u8]) -> Result<u64> {
    let mut file = opening(folder).create(true).truncate(false).mode(0o640).open(path)?;
    let (whole, there) = look_for(&mut file, known, batch_id)?;
    let mut length = whole;
    if !there {
        file.set_len(whole)?;
        file.seek(SeekFrom::Start(whole))?;
        file.write_all(text).and_then(|()| file.write_all(b"\n"))?;
        length += text.len() as u64 + 1;
    }
    file.sync_data()?;
    crate::state::give_to_owner(path, folder);
    Ok(length)
}

/// Cuts what is torn at the end of another day's file; gives back its length, and whether the batch is there. A file that
/// is as long as it is known to be is not opened: by now it may be an archive that nobody may write to.
fn finish(path: &Path, known: Option<u64>, batch_id: &str) -> Result<(u64, bool)> {
    let length = fs::symlink_metadata(path)?.len();
    if known == Some(length) {
        return Ok((length, false));
    }
    let mut file = opening(path.parent().unwrap_or(path)).open(path)?;
    let (whole, there) = look_for(&mut file, known.unwrap_or(0), batch_id)?;
    if whole < length {
        file.set_len(whole)?;
        file.sync_data()?;
    }
    Ok((whole, there))
}

fn opening(folder: &Path) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(crate::state::careful(folder));
    options
}

/// The files of other days, the oldest first.
fn other_days(folder: &Path, today: &str) -> Result<Vec<String>> {
    let mut days = Vec::new();
    for found in fs::read_dir(folder)? {
        let found = found?;
        let name = found.file_name().to_string_lossy().into_owned();
        if name != today && is_day_file(&name) && found.file_type()?.is_file() {
            days.push(name);
        }
    }
    days.sort();
    Ok(days)
}

/// Each folder that is missing, for whoever owns the one around it.
fn make(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let around = folder.parent().unwrap_or(Path::new("/"));
    make(around)?;
    fs::create_dir(folder)?;
    crate::state::give_to_owner(folder, around);
    Ok(())
}

pub(crate) fn day_file(now: i64) -> String {
    let day = jiff::Timestamp::from_second(now).unwrap_or_default().strftime("%Y-%m-%d").to_string();
    format!("pganalytics-{day}.jsonl")
}

fn is_day_file(name: &str) -> bool {
    let day = name.strip_prefix("pganalytics-").and_then(|rest| rest.strip_suffix(".jsonl"));
    day.is_some_and(|day| day.len() == 10 && day.parse::<jiff::civil::Date>().is_ok())
}

/// Up to where the file consists of whole lines, and whether one of them, beyond `known`, is this batch.
fn look_for(file: &mut File, known: u64, batch_id: &str) -> Result<(u64, bool)> {
    let length = file.metadata()?.len();
    let mut whole = if known <= length { known } else { 0 };
    file.seek(SeekFrom::Start(whole))?;
    let mut lines = BufReader::new(file);
    let needle = format!("\"batch_id\":\"{batch_id}\"");
    let mut line = Vec::new();
    let mut there = false;
    while lines.read_until(b'\n', &mut line)? > 0 {
        if line.last() == Some(&b'\n') {
            whole += line.len() as u64;
            there |= line.windows(needle.len()).any(|w| w == needle.as_bytes());
        }
        line.clear();
    }
    Ok((whole, there))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn lines(folder: &Path) -> Vec<String> {
        lines_of(folder, 0)
    }

    fn lines_of(folder: &Path, now: i64) -> Vec<String> {
        let text = fs::read_to_string(folder.join(day_file(now))).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{text}");
        text.lines().map(str::to_owned).collect()
    }

    fn tear(folder: &Path, now: i64) {
        let file = OpenOptions::new().append(true).create(true).open(folder.join(day_file(now)));
        file.unwrap().write_all(br#"{"batch_id":"b""#).unwrap();
    }

    fn batch(id: &str) -> Vec<u8> {
        format!(r#"{{"batch_id":"{id}"}}"#).into_bytes()
    }

    #[test]
    fn each_batch_once_even_when_the_ledger_was_lost() {
        let dir = tempfile::tempdir().unwrap();
        let mut committed = BTreeMap::new();
        for id in ["a", "b", "a"] {
            append(dir.path(), &mut committed, 0, id, &batch(id)).unwrap();
            committed.clear();
        }
        assert_eq!(lines(dir.path()).len(), 2);
    }

    #[test]
    fn a_torn_tail_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let mut committed = BTreeMap::new();
        append(dir.path(), &mut committed, 0, "a", &batch("a")).unwrap();
        let path = dir.path().join(day_file(0));
        tear(dir.path(), 0);
        append(dir.path(), &mut committed, 0, "b", &batch("b")).unwrap();
        assert_eq!(lines(dir.path()), [r#"{"batch_id":"a"}"#, r#"{"batch_id":"b"}"#]);
        assert_eq!(committed[&day_file(0)], fs::metadata(&path).unwrap().len());
    }

    #[test]
    fn a_file_shorter_than_remembered_is_looked_through_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut committed = BTreeMap::from([(day_file(0), 1_000_000)]);
        append(dir.path(), &mut committed, 0, "a", &batch("a")).unwrap();
        assert_eq!(lines(dir.path()).len(), 1);
    }

    /// A kill at 23:59 after the line, and one in the midst of it; the ledger knows of neither, or of nothing at all.
    #[test]
    fn what_a_killed_run_left_in_the_file_of_another_day_is_finished_there() {
        for (forgets, later) in [(false, DAY), (true, DAY), (false, 30 * DAY), (false, -DAY)] {
            let dir = tempfile::tempdir().unwrap();
            let mut committed = BTreeMap::new();
            append(dir.path(), &mut committed, 0, "a", &batch("a")).unwrap();
            let mut unwritten = committed.clone();
            append(dir.path(), &mut unwritten, 0, "c", &batch("c")).unwrap();
            tear(dir.path(), 0);
            if forgets {
                committed.clear();
            }
            append(dir.path(), &mut committed, later, "c", &batch("c")).unwrap();
            assert_eq!(lines(dir.path()), [r#"{"batch_id":"a"}"#, r#"{"batch_id":"c"}"#]);
            assert!(!dir.path().join(day_file(later)).exists(), "it is there already");
            append(dir.path(), &mut committed, later, "b", &batch("b")).unwrap();
            assert_eq!(lines(dir.path()).len(), 2);
            assert_eq!(lines_of(dir.path(), later), [r#"{"batch_id":"b"}"#]);
            let lengths = [0, later].map(|now| fs::metadata(dir.path().join(day_file(now))).unwrap().len());
            assert_eq!([0, later].map(|now| committed[&day_file(now)]), lengths);
        }
    }

    /// The first run of a day was killed: the ledger speaks of the day before, the torn line stands in the new file.
    #[test]
    fn a_file_that_the_ledger_does_not_know_yet_is_finished_too() {
        let dir = tempfile::tempdir().unwrap();
        let mut committed = BTreeMap::new();
        append(dir.path(), &mut committed, 0, "a", &batch("a")).unwrap();
        tear(dir.path(), 0);
        tear(dir.path(), DAY);
        append(dir.path(), &mut committed, 2 * DAY, "b", &batch("b")).unwrap();
        assert_eq!([0, DAY, 2 * DAY].map(|now| lines_of(dir.path(), now).len()), [1, 0, 1]);
        let known: Vec<&String> = committed.keys().collect();
        assert_eq!(known, [&day_file(DAY), &day_file(2 * DAY)]);
    }

    #[test]
    fn a_file_of_another_day_that_is_known_is_not_opened_and_no_other_file_is_touched() {
        let dir = tempfile::tempdir().unwrap();
        let mut committed = BTreeMap::new();
        append(dir.path(), &mut committed, 0, "a", &batch("a")).unwrap();
        let as_known = day_file(DAY);
        fs::write(dir.path().join(&as_known), "no line").unwrap();
        committed.insert(as_known.clone(), 7);
        for name in ["pganalytics-9999-99-99.jsonl", "pganalytics-2026-11-20.jsonl.gz", "other.jsonl"] {
            fs::write(dir.path().join(name), "no line").unwrap();
        }
        std::os::unix::fs::symlink("other.jsonl", dir.path().join(day_file(3 * DAY))).unwrap();
        append(dir.path(), &mut committed, 2 * DAY, "b", &batch("b")).unwrap();
        for name in [&*as_known, "pganalytics-9999-99-99.jsonl", "other.jsonl"] {
            assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), "no line", "{name}");
        }
    }

    #[test]
    fn every_day_has_its_file() {
        assert_eq!(day_file(0), "pganalytics-1970-01-01.jsonl");
        assert_eq!(day_file(1_795_200_000), "pganalytics-2026-11-20.jsonl");
        assert!(is_day_file(&day_file(0)) && !is_day_file("pganalytics-2026-11-20.jsonl.gz"));
    }
}
