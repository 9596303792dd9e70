//! Where reading stopped: the file, the offset, and what tells that the file is still the same.
//!
//! A file is known again by its first bytes, and by those before the offset: its name may have gone to another one
//! (rotation by renaming), its content may have been emptied and have grown again (copytruncate).

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(super) const HEAD: usize = 64;
/// Of what lies before the offset.
pub(super) const TAIL: usize = 64;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// `stderr`, `csvlog`, `jsonlog`.
    pub(super) format: String,
    pub(super) file: String,
    pub(super) offset: u64,
    /// Bytes that `head` and `tail` are made of: a file may be shorter.
    pub(super) head_bytes: u64,
    pub(super) head: String,
    pub(super) tail: String,
    /// It lies within an entry whose beginning was read, or skipped.
    #[serde(default)]
    pub(super) within: bool,
    /// Of the file when it was looked at, since 1970: what is older has been read.
    pub(super) modified_ns: i64,
    /// The latest entry that was read.
    #[serde(default)]
    pub(super) time_us: i64,
}

/// The first 16 digits of a hash.
pub(super) fn print(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest[..8].iter().map(|b| format!("{b:02x}")).collect()
}

/// A file as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) bytes: u64,
    /// Nanoseconds since 1970; from a server in whole seconds.
    pub(super) modified_ns: i64,
}

impl Listed {
    pub(super) fn modified_s(&self) -> i64 {
        self.modified_ns.div_euclid(1_000_000_000)
    }
}

/// The oldest first. Of two of one time, the one that was renamed is the older: `log.2`, `log.1`, `log`; names that hold
/// a date are in their order.
pub(super) fn in_order(mut files: Vec<Listed>) -> Vec<Listed> {
    files.sort_by(|a, b| a.modified_ns.cmp(&b.modified_ns).then_with(|| by_name(&a.name, &b.name)));
    files
}

fn by_name(a: &str, b: &str) -> Ordering {
    let number = |name: &str| -> Option<(String, u32)> {
        let (base, number) = name.rsplit_once('.')?;
        Some((base.to_owned(), number.parse().ok().filter(|_| number.len() < 5)?))
    };
    match (number(a), number(b)) {
        (Some((base, n)), Some((other, m))) if base == other => m.cmp(&n),
        _ if a.starts_with(b) => Ordering::Less,
        _ if b.starts_with(a) => Ordering::Greater,
        _ => a.cmp(b),
    }
}

/// Where to read on, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Course {
    pub(super) files: Vec<(Listed, u64)>,
    /// The file of the position is not there any more: what it had gained is not known.
    pub(super) lost: bool,
}

/// `files`: of the position's format, the oldest first. `is_same`: whether a file begins with the position's bytes and
/// has its bytes before the offset.
pub(super) fn course<E>(
    position: &Position,
    files: Vec<Listed>,
    mut is_same: impl FnMut(&Listed) -> Result<bool, E>,
) -> Result<Course, E> {
    if position.head_bytes == 0 && position.offset == 0 {
        // Nothing was in it yet, so nothing tells it from another: all that was written since is new.
        let new = |f: &Listed| f.modified_ns > position.modified_ns || f.name == position.file;
        let files = files.into_iter().filter(|file| new(file)).map(|file| (file, 0)).collect();
        return Ok(Course { files, lost: false });
    }
    let mut found = None;
    // The name first: it nearly always is that one.
    let (named, others): (Vec<usize>, Vec<usize>) =
        (0..files.len()).partition(|&n| files[n].name == position.file);
    for n in named.into_iter().chain(others.into_iter().rev().take(MOST_LOOKED_AT)) {
        if files[n].bytes >= position.offset && is_same(&files[n])? {
            found = Some(n);
            break;
        }
    }
    let course = match found {
        Some(n) => {
            let mut rest = files.into_iter().skip(n);
            let first = rest.next().map(|file| (file, position.offset));
            Course { files: first.into_iter().chain(rest.map(|file| (file, 0))).collect(), lost: false }
        }
        // What was written since is in files that were touched later.
        None => {
            let later = files.into_iter().filter(|f| f.modified_ns > position.modified_ns);
            Course { files: later.map(|file| (file, 0)).collect(), lost: true }
        }
    };
    Ok(course)
}

/// Files that are opened to find one that was renamed.
const MOST_LOOKED_AT: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, bytes: u64, at_s: i64) -> Listed {
        Listed { name: name.into(), bytes, modified_ns: at_s * 1_000_000_000 }
    }

    fn at(file: &str, offset: u64) -> Position {
        Position {
            file: file.into(),
            offset,
            head_bytes: 64,
            modified_ns: 20_000_000_000,
            ..Position::default()
        }
    }

    /// `same`: the file that really is the position's.
    fn run(position: &Position, files: &[Listed], same: &str) -> (Vec<(String, u64)>, bool) {
        let course = course(position, files.to_vec(), |f| Ok::<_, ()>(f.name == same)).unwrap();
        (course.files.into_iter().map(|(f, from)| (f.name, from)).collect(), course.lost)
    }

    fn expected(files: &[(&str, u64)], lost: bool) -> (Vec<(String, u64)>, bool) {
        (files.iter().map(|(name, from)| ((*name).to_owned(), *from)).collect(), lost)
    }

    #[test]
    fn the_oldest_comes_first_and_of_one_time_what_was_renamed() {
        let names = ["log", "log.10", "log.2", "log.1", "log-20260204", "log-20260203"];
        let files = names
            .map(|name| listed(name, 1, 5))
            .into_iter()
            .chain([listed("new", 1, 6), listed("old", 1, 4)]);
        let order: Vec<String> = in_order(files.collect()).into_iter().map(|f| f.name).collect();
        assert_eq!((order[0].as_str(), order[7].as_str()), ("old", "new"));
        let at = |name: &str| order.iter().position(|n| n == name).unwrap();
        assert!(at("log.10") < at("log.2") && at("log.2") < at("log.1") && at("log.1") < at("log"));
        assert!(at("log-20260203") < at("log-20260204"));
    }

    #[test]
    fn reading_goes_on_where_it_stopped_and_then_through_what_is_newer() {
        let files = [listed("a", 100, 10), listed("b", 100, 20), listed("c", 5, 30)];
        assert_eq!(run(&at("b", 70), &files, "b"), expected(&[("b", 70), ("c", 0)], false));
        assert_eq!(run(&at("c", 5), &files, "c"), expected(&[("c", 5)], false));
    }

    #[test]
    fn a_renamed_file_is_found_and_an_emptied_one_read_from_its_beginning() {
        let files = [listed("log.2", 90, 10), listed("log.1", 100, 25), listed("log", 80, 30)];
        assert_eq!(run(&at("log", 70), &files, "log.1"), expected(&[("log.1", 70), ("log", 0)], false));
        assert_eq!(run(&at("log", 95), &files, "gone"), expected(&[("log.1", 0), ("log", 0)], true));
        assert_eq!(run(&at("log", 70), &[listed("log", 3, 30)], "log"), expected(&[("log", 0)], true));
        assert_eq!(run(&at("log", 70), &[], ""), expected(&[], true));
    }

    #[test]
    fn a_file_that_was_empty_may_be_any_that_was_written_since() {
        let files = [listed("log.2", 90, 10), listed("log.1", 100, 25), listed("log", 80, 30)];
        let empty = Position { head_bytes: 0, ..at("log", 0) };
        assert_eq!(run(&empty, &files, "log"), expected(&[("log.1", 0), ("log", 0)], false));
        assert_eq!(run(&empty, &[listed("log", 0, 20)], "log"), expected(&[("log", 0)], false));
    }
}
