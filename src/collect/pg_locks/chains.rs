//! Who stands where in a line of sessions that wait for each other. Pure.
//!
//! The server tells for each waiting session who is in its way, be it that they hold what it wants or that they asked
//! first. A deadlock is a circle, until the server breaks it: nobody is asked twice on one way.

use std::collections::{BTreeMap, BTreeSet};

/// For each waiting session those that it waits for.
pub(super) type Edges = BTreeMap<i32, Vec<i32>>;

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// How many others are ahead on the longest way.
    pub(super) depth: u32,
    /// The next on that way.
    pub(super) next: i32,
    /// The one at its end, who waits for nobody; `None` within a circle.
    pub(super) root: Option<i32>,
}

pub(super) fn places(edges: &Edges) -> BTreeMap<i32, Place> {
    let mut known = BTreeMap::new();
    for pid in edges.keys() {
        place(*pid, edges, &mut Vec::new(), &mut known);
    }
    known
}

fn place(pid: i32, edges: &Edges, way: &mut Vec<i32>, known: &mut BTreeMap<i32, Place>) -> Option<Place> {
    if let Some(place) = known.get(&pid) {
        return Some(*place);
    }
    let ahead = edges.get(&pid).filter(|ahead| !ahead.is_empty())?;
    way.push(pid);
    let mut best: Option<Place> = None;
    for &next in ahead {
        let found = match way.contains(&next) {
            true => Place { depth: 1, next, root: None },
            false => match place(next, edges, way, known) {
                Some(further) => Place { depth: further.depth + 1, next, root: further.root },
                None => Place { depth: 1, next, root: Some(next) },
            },
        };
        let better = |b: Place| (found.root.is_some(), found.depth) > (b.root.is_some(), b.depth);
        if best.is_none_or(better) {
            best = Some(found);
        }
    }
    way.pop();
    best.inspect(|place| {
        known.insert(pid, *place);
    })
}

/// For each session in somebody's way: how many wait for it right away, and how many in all, through others.
pub(super) fn behind(edges: &Edges) -> BTreeMap<i32, (usize, usize)> {
    let mut followers: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (pid, ahead) in edges {
        ahead.iter().for_each(|blocker| followers.entry(*blocker).or_default().push(*pid));
    }
    let count = |(pid, direct): (&i32, &Vec<i32>)| (*pid, (direct.len(), all_behind(*pid, &followers)));
    followers.iter().map(count).collect()
}

fn all_behind(pid: i32, followers: &BTreeMap<i32, Vec<i32>>) -> usize {
    let mut seen = BTreeSet::new();
    let mut open = vec![pid];
    while let Some(next) = open.pop() {
        let more = followers.get(&next).into_iter().flatten();
        open.extend(more.filter(|f| **f != pid && seen.insert(**f)));
    }
    seen.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edges(list: &[(i32, &[i32])]) -> Edges {
        list.iter().map(|(pid, ahead)| (*pid, ahead.to_vec())).collect()
    }

    #[test]
    fn depth_is_the_longest_way_and_the_root_its_end() {
        // 4 waits for 3, which waits for 2, which waits for 1; 3 asked after 2 for what 1 holds too.
        let places = places(&edges(&[(2, &[1]), (3, &[1, 2]), (4, &[3])]));
        assert_eq!(places[&2], Place { depth: 1, next: 1, root: Some(1) });
        assert_eq!(places[&3], Place { depth: 2, next: 2, root: Some(1) });
        assert_eq!(places[&4], Place { depth: 3, next: 3, root: Some(1) });
        assert!(!places.contains_key(&1), "it waits for nobody");
    }

    #[test]
    fn a_circle_has_no_root_and_a_way_out_of_it_has() {
        let circle = places(&edges(&[(1, &[2]), (2, &[1]), (3, &[1])]));
        assert!(circle.values().all(|p| p.root.is_none()), "{circle:?}");
        let way_out = places(&edges(&[(1, &[2, 9]), (2, &[1])]));
        assert_eq!(way_out[&1], Place { depth: 1, next: 9, root: Some(9) });
    }

    #[test]
    fn all_that_wait_behind_are_counted_once() {
        let behind = behind(&edges(&[(2, &[1]), (3, &[1, 2]), (4, &[3]), (5, &[0])]));
        assert_eq!(behind[&1], (2, 3));
        assert_eq!(behind[&2], (1, 2));
        assert_eq!(behind[&3], (1, 1));
        assert_eq!(behind[&0], (1, 1));
        assert!(!behind.contains_key(&4));
    }

    proptest! {
        #[test]
        fn whatever_waits_for_whatever_it_ends(pairs in proptest::collection::vec((0..12i32, 0..12i32), 0..60)) {
            let mut edges = Edges::new();
            pairs.iter().for_each(|(a, b)| edges.entry(*a).or_default().push(*b));
            let places = places(&edges);
            prop_assert_eq!(places.len(), edges.len());
            for place in places.values() {
                prop_assert!((1..=12).contains(&place.depth));
                prop_assert!(place.root.is_none_or(|root| !edges.contains_key(&root)));
            }
            for (direct, all) in behind(&edges).values() {
                prop_assert!(*all < 12 && (*direct > 0));
            }
        }
    }
}
