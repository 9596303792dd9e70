//! What is to be sent, in which order, and whether all of the fresh batch has arrived.

use std::collections::{HashSet, VecDeque};
use std::io::ErrorKind;

use anyhow::{Context, Result};

use super::{Fresh, split, stubborn};
use crate::batch::Sealed;
use crate::spool::Entry;
use crate::state;
use crate::state::ledger::Stubborn;

/// A batch, and where it lies.
#[derive(Debug)]
pub(super) enum Parcel {
    Filed(Entry),
    Held { sequence: u64, batch_id: String, sealed: Vec<u8> },
}

impl Parcel {
    pub(super) fn held(half: Sealed) -> Parcel {
        Parcel::Held { sequence: half.head.sequence, batch_id: half.head.batch_id, sealed: half.bytes }
    }

    pub(super) fn batch_id(&self) -> &str {
        match self {
            Parcel::Filed(entry) => &entry.batch_id,
            Parcel::Held { batch_id, .. } => batch_id,
        }
    }

    pub(super) fn sequence(&self) -> u64 {
        match self {
            Parcel::Filed(entry) => entry.sequence,
            Parcel::Held { sequence, .. } => *sequence,
        }
    }

    /// `None`: somebody has removed it.
    pub(super) fn read(&self) -> Result<Option<Vec<u8>>> {
        match self {
            Parcel::Held { sealed, .. } => Ok(Some(sealed.clone())),
            Parcel::Filed(entry) => match state::read(&entry.path) {
                Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
                read => read.map(Some).with_context(|| format!("reading {}", entry.path.display())),
            },
        }
    }
}

/// Oldest first, then what could not be sealed, then what has proved stubborn.
pub(super) fn queue(entries: Vec<Entry>, fresh: Option<&mut Fresh>, known: &[Stubborn]) -> VecDeque<Parcel> {
    // A batch whose sealing failed at the last moment may lie there all the same.
    let sealed = |id: &str| entries.iter().any(|e| e.batch_id == id);
    let held = fresh.filter(|f| !sealed(&f.batch_id)).and_then(|f| {
        let sealed = f.unsealed.take()?;
        Some(Parcel::Held { sequence: f.sequence, batch_id: f.batch_id.clone(), sealed })
    });
    let (behind, first): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|e| stubborn::is_behind(known, &e.batch_id));
    let filed = |entries: Vec<Entry>| entries.into_iter().map(Parcel::Filed);
    filed(first).chain(held).chain(filed(behind)).collect()
}

/// Ids of batches that may lie there beside a part of themselves. Asked of each batch before the whole queue is looked through,
/// which a queue of thousands would make a matter of millions.
pub(super) fn wholes(queue: &VecDeque<Parcel>) -> HashSet<String> {
    queue.iter().flat_map(|parcel| split::wholes(parcel.batch_id())).map(str::to_owned).collect()
}

/// The fresh batch, by itself or in the parts that it was split into.
#[derive(Debug, Default)]
pub(super) struct Tally {
    batch_id: String,
    items: u64,
    begun: bool,
    waiting: u32,
    refused: bool,
}

impl Tally {
    pub(super) fn of(fresh: Option<&Fresh>) -> Tally {
        fresh.map_or_else(Tally::default, |f| Tally {
            batch_id: f.batch_id.clone(),
            items: f.items,
            waiting: 1,
            ..Tally::default()
        })
    }

    pub(super) fn is_ours(&self, id: &str) -> bool {
        self.waiting > 0 && (id == self.batch_id || split::is_part(id, &self.batch_id))
    }

    /// Its number of items, when it is the first time that any of it is sent.
    pub(super) fn begins(&mut self, id: &str) -> Option<u64> {
        let first = !self.begun && self.is_ours(id);
        self.begun |= first;
        first.then_some(self.items)
    }

    pub(super) fn split(&mut self, id: &str) {
        self.waiting += u32::from(self.is_ours(id));
    }

    /// True with the last of it, when all of it was taken.
    pub(super) fn settled(&mut self, id: &str, taken: bool) -> bool {
        if !self.is_ours(id) {
            return false;
        }
        self.waiting -= 1;
        self.refused |= !taken;
        self.waiting == 0 && !self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> Fresh {
        Fresh { sequence: 9, batch_id: "f".into(), items: 3, unsealed: Some(vec![1]) }
    }

    fn entry(sequence: u64, id: &str) -> Entry {
        let path = format!("{sequence}-{id}").into();
        Entry { sequence, batch_id: id.into(), path, bytes: 1, sealed: std::time::SystemTime::UNIX_EPOCH }
    }

    #[test]
    fn oldest_first_then_from_memory_then_the_stubborn() {
        fn check(entries: &[(u64, &str)], behind: &[&str], expected: &[&str]) {
            let entries = entries.iter().map(|(sequence, id)| entry(*sequence, id)).collect();
            let moved = |id: &&str| Stubborn { batch: (*id).into(), answers: 0, since: 0, moved: true };
            let known: Vec<Stubborn> = behind.iter().map(moved).collect();
            let queue = queue(entries, Some(&mut fresh()), &known);
            assert_eq!(queue.iter().map(Parcel::batch_id).collect::<Vec<_>>(), expected);
        }
        check(&[], &[], &["f"]);
        check(&[(1, "a"), (2, "b")], &[], &["a", "b", "f"]);
        check(&[(1, "a"), (2, "b")], &["a"], &["b", "f", "a"]);
        check(&[(1, "a"), (9, "f")], &[], &["a", "f"]);
    }

    #[test]
    fn whoever_has_a_part_in_the_queue_is_known_at_any_depth() {
        let entries = ["a", "b.1", "b.2", "c.2.1"].map(|id| entry(1, id)).into();
        let wholes = wholes(&queue(entries, None, &[]));
        assert_eq!(wholes, HashSet::from(["b", "c", "c.2"].map(str::to_owned)));
    }

    #[test]
    fn all_parts_of_the_fresh_batch_must_be_taken() {
        let mut tally = Tally::of(Some(&fresh()));
        assert_eq!((tally.begins("a"), tally.begins("f"), tally.begins("f")), (None, Some(3), None));
        assert!(!tally.settled("a", true));
        tally.split("f");
        tally.split("a");
        assert!(!tally.settled("f.1", true));
        tally.split("f.2");
        assert!(!tally.settled("f.2.1", true));
        assert!(tally.settled("f.2.2", true));
        let mut tally = Tally::of(Some(&fresh()));
        tally.split("f");
        assert!(!tally.settled("f.1", false) && !tally.settled("f.2", true));
        assert!(!Tally::of(None).settled("", true));
    }
}
