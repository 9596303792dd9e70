//! `disk_usage`: how full the filesystems are that a DBA would look for in `df`, and those below the server's own
//! places. `_gb` is 2^30 bytes, as `df -h` counts; figures are those of `df`: free is what an ordinary user may
//! still write, the share used is of used and free together.
//!
//! Never waits for a file server that is gone: what may hang is asked on the side, for a bounded time.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod measure;
mod mounts;
mod rows;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use wire::Reason;

use self::measure::{Ask, Failure, How, measure};
use self::mounts::Mount;
use super::host::{Row, read_bytes, timed};
use super::part::{Done, Fragment};
use super::{Collector, Gather, Scope};
use crate::privacy::Class;

pub const DISK_USAGE: Collector = Collector {
    name: "disk_usage",
    about: "how full the filesystems are, and those that hold the servers' data",
    scope: Scope::Host,
    every_s: 300,
    enabled: true,
    needs: "/proc; search permission on the way to the data directory",
    texts: &[
        ("filesystems[]", Class::Name, "device mount"),
        ("places[]", Class::Name, "device mount path"),
        ("places[]", Class::Labelled, "label"),
        ("places[]", Class::Message, "error"),
        ("filesystems[]", Class::Word, "fs_type"),
    ],
    gather: Gather::Host,
};

pub const PARTS: &[&str] = &["filesystems", "places"];

const ROWS_MAX: usize = 64;
const PATIENCE: Duration = Duration::from_millis(500);

/// Where a local server keeps something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `data_directory`, `wal`, `tablespace:<name>`
    pub label: String,
    pub path: PathBuf,
}

pub fn read(root: &Path, places: &[Place]) -> Vec<Done> {
    read_with(root, places, How { usage: measure::usage, patience: PATIENCE })
}

fn read_with(root: &Path, places: &[Place], how: How) -> Vec<Done> {
    let mounts = read_bytes(root, "proc/self/mountinfo").map(|bytes| mounts::parse(&bytes));
    let known = mounts.as_deref().unwrap_or_default();
    let of_places = || timed(|| places_part(root, known, places, how));
    let of_mounts = || timed(|| filesystems_part(root, known, places, how));
    match &mounts {
        Ok(_) => vec![of_mounts(), of_places()],
        Err(unread) => vec![Done::failed("filesystems", Reason::Other, unread.text.clone()), of_places()],
    }
}

fn filesystems_part(root: &Path, mounts: &[Mount], places: &[Place], how: How) -> Done {
    let mut chosen = mounts::choose(mounts, places);
    let total = chosen.len() as u64;
    chosen.truncate(ROWS_MAX);
    let ask = |mount: &&Mount| Ask { path: below(root, &mount.path), may_hang: mount.may_hang() };
    let answers = measure(chosen.iter().map(ask).collect(), how);
    let mut rows = Vec::new();
    let mut failures = Vec::new();
    let mut sizeless = 0;
    for (mount, answer) in chosen.into_iter().zip(answers) {
        match answer {
            // As df does: what has no size at all is the kernel's, not a disk's.
            Ok(usage) if usage.total_bytes == Some(0) => sizeless += 1,
            Ok(usage) => rows.push(rows::filesystem(mount, &usage)),
            Err(failure) => failures.push((mount.path.display().to_string(), failure)),
        }
    }
    finish("filesystems", rows, total - sizeless, failures)
}

fn places_part(root: &Path, mounts: &[Mount], places: &[Place], how: How) -> Done {
    if places.is_empty() {
        return Done::skipped("places", Reason::NotApplicable, "no place of a server on this host is known");
    }
    // A symbolic link may lead anywhere, so that each of them may hang.
    let ask = |place: &Place| Ask { path: below(root, &place.path), may_hang: true };
    let answers = measure(places.iter().map(ask).collect(), how);
    let mut rows = Vec::new();
    let mut failures = Vec::new();
    for (place, answer) in places.iter().zip(answers) {
        let mount =
            answer.as_ref().ok().and_then(|usage| mounts::holding(mounts, &inside(root, &usage.path)));
        rows.push(rows::place(place, mount, &answer));
        match answer {
            // The row says so itself: a collector that is not the server's user may well have no business there.
            Err(failure) if !failure.is_privilege() => failures.push((place.label.clone(), failure)),
            _ => {}
        }
    }
    finish("places", rows, places.len() as u64, failures)
}

fn finish(key: &'static str, rows: Vec<Row>, total: u64, failures: Vec<(String, Failure)>) -> Done {
    let mut done = Done::ok(key, Fragment::value(&rows), rows.len() as u64);
    done.outcome.total = Some(total);
    if failures.is_empty() {
        return done;
    }
    let reason = match failures.iter().any(|(_, failure)| matches!(failure, Failure::Hung)) {
        true => Reason::Timeout,
        false => Reason::Other,
    };
    let named: Vec<String> = failures.iter().map(|(name, failure)| format!("{name}: {failure}")).collect();
    done.partial(reason, named.join("; "))
}

/// A path of the host, where the host's root is `root`.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn inside(root: &Path, path: &Path) -> PathBuf {
    let root = root.canonicalize();
    let rest = root.ok().and_then(|root| path.strip_prefix(root).ok());
    rest.map_or_else(|| path.to_path_buf(), |rest| Path::new("/").join(rest))
}
