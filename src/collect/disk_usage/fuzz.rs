//! Fuzz target: `/proc/self/mountinfo`, in which whoever may mount writes names.

use super::Place;
use super::mounts::{choose, holding, parse};

/// Lines are left out or read; what is chosen is of what was read, each place once.
pub(crate) fn mounts(data: &[u8]) {
    let read = parse(data);
    assert!(read.len() <= data.len() / 8 + 1);
    let place = Place { label: "wal".to_owned(), path: "/var/lib/postgresql/wal".into() };
    assert!(holding(&read, &place.path).is_none_or(|mount| place.path.starts_with(&mount.path)));
    let chosen = choose(&read, &[place]);
    let mut paths: Vec<_> = chosen.iter().map(|mount| &mount.path).collect();
    paths.sort();
    paths.dedup();
    assert!(paths.len() == chosen.len() && chosen.len() <= read.len());
}
