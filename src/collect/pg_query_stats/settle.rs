//! What pass 2 found out: statements of the collector itself, known by their texts only. They leave the batch, spare
//! ones take their places, and the figures of their database say so.

use std::collections::{HashMap, HashSet};

use super::entry::Key;
use super::item::Read;
use super::rank::{Chosen, Ranking, whole};
use super::share::Share;
use super::texts::Answer;

/// Keeps the rows that are to leave; gives back the ids of the collector's own statements, each with who ran it.
pub(super) fn settle(ranking: &mut Ranking, read: &mut Vec<Read>) -> HashSet<(i64, u32)> {
    let own = read.iter().filter(|r| r.answer == Some(Answer::Own));
    let own: HashSet<(i64, u32)> = own.map(|r| (r.key.queryid, r.key.userid)).collect();
    let mut vacant: HashMap<u32, usize> = HashMap::new();
    let mut shares: HashMap<u32, &mut Share> =
        ranking.databases.iter_mut().map(|(id, it)| (*id, it)).collect();
    let there: HashSet<Key> = read.iter().map(|r| r.key).collect();
    let first_run = ranking.first_run;
    ranking.chosen.retain(|it| {
        let (key, weight) = (it.entry.key, weight(it, first_run));
        let Some(share) = shares.get_mut(&key.dbid) else { return true };
        let vacant = vacant.entry(key.dbid).or_default();
        if own.contains(&(key.queryid, key.userid)) {
            share.found_own(weight, !it.spare);
            *vacant += usize::from(!it.spare);
            return false;
        }
        if it.spare && (*vacant == 0 || !there.contains(&key)) {
            return false;
        }
        if it.spare {
            *vacant -= 1;
            share.collected.add(1, weight);
        }
        true
    });
    ranking.server = whole(&ranking.databases);
    let kept: HashSet<Key> = ranking.chosen.iter().map(|it| it.entry.key).collect();
    read.retain(|r| kept.contains(&r.key));
    own
}

fn weight(it: &Chosen, first_run: bool) -> (i64, i64) {
    match it.growth {
        Some(growth) => (growth.calls, growth.time_us),
        None if first_run => (it.entry.calls, it.entry.time_us),
        None => (0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Entry;
    use super::super::previous::Facts;
    use super::super::rank::{Scope, rank};
    use super::*;

    fn entry(queryid: i64, calls: i64) -> Entry {
        Entry::new(Some(queryid), (1, 10, true), calls, calls as f64, None)
    }

    /// Settles a first run over statements 1 to 6, heaviest first: which are kept, and what is left over.
    fn settled(limit: usize, own: &[i64]) -> (Vec<i64>, Ranking) {
        let mut entries: Vec<Entry> = (1..=6).map(|id| entry(id, 100 - id)).collect();
        let now = Facts { postmaster_start_us: 1, stats_reset_us: None, dealloc: None, taken_at_us: 2 };
        let mut ranking =
            rank(&mut entries, None, &now, &Scope { watched: &[1], limit, wanted: &[], ours: &[] });
        let answer = |id| if own.contains(&id) { Some(Answer::Own) } else { Some(Answer::Waits) };
        let read = |it: &Chosen| Read {
            key: it.entry.key,
            json: Box::default(),
            answer: answer(it.entry.key.queryid),
        };
        let mut read: Vec<Read> = ranking.chosen.iter().map(read).collect();
        let found = settle(&mut ranking, &mut read);
        assert!(found.iter().all(|(id, user)| own.contains(id) && *user == 10), "{found:?}");
        let mut kept: Vec<i64> = read.iter().map(|r| r.key.queryid).collect();
        kept.sort_unstable();
        (kept, ranking)
    }

    #[test]
    fn spare_statements_take_the_places_of_our_own() {
        for (limit, own, expected) in [
            (3, &[][..], vec![1, 2, 3]),
            (3, &[2], vec![1, 3, 4]),
            (3, &[1, 2, 3], vec![4, 5, 6]),
            (3, &[2, 4], vec![1, 3, 5]),
            (3, &[4, 5], vec![1, 2, 3]),
            (6, &[6], vec![1, 2, 3, 4, 5]),
            (2, &[1, 2, 3, 4], vec![]),
        ] {
            assert_eq!(settled(limit, own).0, expected, "{limit} {own:?}");
        }
    }

    #[test]
    fn the_figures_follow() {
        let (_, ranking) = settled(3, &[2]);
        let (_, share) = &ranking.databases[0];
        assert_eq!((share.collected.statements, share.collected.calls), (3, 99 + 97 + 96));
        assert_eq!((share.own.statements, share.own.calls), (1, 98));
        assert_eq!(share.weighed.statements, 5);
        assert_eq!(&ranking.server.collected, &share.collected);
    }
}
