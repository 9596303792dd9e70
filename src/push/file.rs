//! The target `file:///dir`: a JSON-lines file for each day, a batch a line.
//!
//! Crash argument: the ledger holds the length up to which a day's file is known to be whole. What lies beyond it may
//! be a line whose ledger entry was lost, or a torn one: a torn tail is cut, and a batch whose id is already there is
//! not appended again. A file that nobody remembers is looked through as a whole.

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
    let name = day_file(now);
    let path = folder.join(&name);
    let doing = || format!("appending to {}", path.display());
    make(folder).with_context(doing)?;
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o640)
        .custom_flags(crate::state::careful(folder))
        .open(&path)
        .with_context(doing)?;
    let known = committed.get(&name).copied().unwrap_or(0);
    let (whole, there) = look_for(&mut file, known, batch_id).with_context(doing)?;
    let mut length = whole;
    if !there {
        file.set_len(whole).with_context(doing)?;
        file.seek(SeekFrom::Start(whole)).with_context(doing)?;
        file.write_all(text).and_then(|()| file.write_all(b"\n")).with_context(doing)?;
        length += text.len() as u64 + 1;
    }
    file.sync_data().with_context(doing)?;
    crate::state::give_to_owner(&path, folder);
    committed.retain(|day, _| *day == name);
    committed.insert(name, length);
    Ok(())
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

    fn lines(folder: &Path) -> Vec<String> {
        fs::read_to_string(folder.join(day_file(0))).unwrap().lines().map(str::to_owned).collect()
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
        OpenOptions::new().append(true).open(&path).unwrap().write_all(br#"{"batch_id":"b""#).unwrap();
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

    #[test]
    fn every_day_has_its_file() {
        assert_eq!(day_file(0), "pganalytics-1970-01-01.jsonl");
        assert_eq!(day_file(1_795_200_000), "pganalytics-2026-11-20.jsonl");
    }
}
