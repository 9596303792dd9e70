//! What has become of each batch that was sealed. One that was split is settled when both of its halves are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use super::receiver::Desk;
use super::witness::batch;

#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) sealed: usize,
    pub(super) arrived: usize,
    pub(super) waiting: usize,
    pub(super) rejected: usize,
    pub(super) gone: BTreeSet<String>,
    /// What the last batch told of those that were dropped.
    pub(super) dropped: u64,
    /// Counted as dropped, and arrived all the same: its acknowledgement was lost on the way.
    pub(super) unheard: u64,
    /// Never sealed, and lost: whether such a one is counted depends on the disk that did not take it.
    pub(super) unsealed: u64,
    pub(super) changed: BTreeSet<String>,
}

impl Account {
    pub(super) fn of(
        sealed: &BTreeMap<String, u64>,
        desk: &Desk,
        state: &Path,
        unsealed: u64,
        dropped: &[u64],
    ) -> Account {
        let (spool, reject) = (ids(&state.join("spool")), ids(&state.join("reject")));
        let taken: BTreeSet<String> = desk.taken.keys().cloned().collect();
        let mut account = Account {
            dropped: desk.told_dropped,
            changed: desk.changed.clone(),
            unsealed,
            ..Account::default()
        };
        for id in sealed.keys().filter(|id| !id.contains('.')) {
            account.sealed += 1;
            let places = [&taken, &spool, &reject];
            match places.map(|place| leaves(id, sealed, &mut |leaf| place.contains(leaf))) {
                [true, _, _] => account.arrived += 1,
                [_, true, _] => account.waiting += 1,
                [_, _, true] => account.rejected += 1,
                // Its halves may have gone different ways.
                _ if leaves(id, sealed, &mut |leaf| places.iter().any(|place| place.contains(leaf))) => {
                    account.arrived += 1;
                }
                _ => drop(account.gone.insert(id.clone())),
            }
        }
        // A run whose disk kept no ledger sends from memory, and the next one has its sequence again: what is gone is
        // counted for itself, whoever else arrived under its number.
        let gone: BTreeSet<u64> = account.gone.iter().map(|id| sealed[id]).collect();
        let arrived = |sequence: &u64| desk.sequences.contains(sequence) && !gone.contains(sequence);
        account.unheard = dropped.iter().filter(|sequence| arrived(sequence)).count() as u64;
        account
    }

    pub(super) fn assert_nothing_lost(&self) {
        let sealed = self.gone.len() as u64 + self.unheard;
        // Of those that no disk took the ledger may tell or not: it lies on the same disk. All others are counted, each once.
        assert!(
            (sealed..=sealed + self.unsealed).contains(&self.dropped),
            "gone without a word, or the other way: {self:?}"
        );
        assert!(self.changed.is_empty(), "the same id, another batch: {:?}", self.changed);
        assert_eq!(self.waiting, 0, "healed, and still it waits");
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Account { sealed, arrived, waiting, rejected, gone, dropped, unsealed, unheard, .. } = self;
        write!(
            f,
            "{sealed} sealed = {arrived} arrived + {waiting} waiting + {rejected} in reject/ + {} dropped; \
             {dropped} counted, {unsealed} of them that no disk took, {unheard} that arrived unheard",
            gone.len(),
        )
    }
}

/// Whether it holds for the batch, or for all that it was split into.
fn leaves(id: &str, sealed: &BTreeMap<String, u64>, holds: &mut impl FnMut(&str) -> bool) -> bool {
    let halves = [format!("{id}.1"), format!("{id}.2")];
    holds(id)
        || halves.iter().all(|half| sealed.contains_key(half))
            && halves.iter().all(|half| leaves(half, sealed, holds))
}

fn ids(folder: &Path) -> BTreeSet<String> {
    let listing = std::fs::read_dir(folder).into_iter().flatten().flatten();
    listing.filter_map(|file| Some(batch(&file.file_name().to_string_lossy())?.1.to_owned())).collect()
}
