//! What a B-tree would take, freshly built: leaf pages, the pages above them, and the first that only describes it. Pure.
//!
//! From 13 on equal keys share one posting list, so what counts is how many different keys there are. Statistics know that
//! of single columns, and not well: where a wrong number would change the outcome, the estimate is not reliable.

use super::heap::{Estimate, ITEM, Relation};
use super::layout::{Data, Lack, data, fits, placed, up};

/// Header of a page, and what a B-tree keeps at its end.
const PAGE_OVERHEAD: f64 = 24.0 + 16.0;
const KEY_HEADER: f64 = 8.0;
const KEY_HEADER_WITH_BITMAP: f64 = 16.0;
/// Where a row is.
const POINTER: f64 = 6.0;
/// Pages above the leaves are filled to 70 percent, whatever the fillfactor.
const INNER_FILL: f64 = 0.7;
/// Estimates that are apart by more than this share of the index make it unreliable.
const TOLERATED: f64 = 0.1;

#[derive(Clone, Debug)]
pub(super) struct Index {
    pub(super) relation: Relation,
    pub(super) deduplicates: bool,
    /// Statistics are of all rows, and it holds some.
    pub(super) partial: bool,
}

pub(super) fn estimate(index: &Index) -> Result<Estimate, Lack> {
    let Relation { tuples, columns, pages, .. } = &index.relation;
    let tuples = tuples.ok_or(Lack::NeverAnalyzed)?;
    if tuples == 0.0 {
        return Ok(Estimate { pages: 1.0, by_type: true, reliable: true });
    }
    let data = data(columns)?;
    let typed = !index.partial || data.by_type;
    if !index.deduplicates {
        return Ok(Estimate {
            pages: total(index, &data, tuples, tuples),
            by_type: data.by_type,
            reliable: typed,
        });
    }
    let (low, likely, high) = distinct(index, tuples)?;
    let of = |keys: f64| total(index, &data, tuples, keys);
    let reliable = of(high) - of(low) <= TOLERATED * pages.max(1.0) && typed;
    Ok(Estimate { pages: of(likely), by_type: false, reliable })
}

/// How many different keys there are: at least, likely, at most. A column's own number is taken for right within a factor
/// of two; columns may depend on each other in any way.
fn distinct(index: &Index, tuples: f64) -> Result<(f64, f64, f64), Lack> {
    let (mut most, mut product, mut unique) = (1.0f64, 1.0f64, false);
    for column in &index.relation.columns {
        let known = column.distinct.filter(|n| *n != 0.0);
        let all_null = column.nulls == Some(1.0);
        let distinct = match known {
            _ if column.hidden => return Err(Lack::Hidden),
            None if all_null => 1.0,
            None => return Err(Lack::NoStatistics),
            Some(n) if n < 0.0 => -n * tuples,
            Some(n) => n,
        };
        unique |= known == Some(-1.0);
        most = most.max(distinct);
        product = (product * distinct).min(tuples);
    }
    if unique {
        return Ok((tuples, tuples, tuples));
    }
    let bounded = |n: f64| n.clamp(1.0, tuples.max(1.0));
    Ok((bounded(most / 2.0), bounded(product), bounded(product * 2.0)))
}

fn total(index: &Index, data: &Data, tuples: f64, keys: f64) -> f64 {
    let Relation { block_size, fillfactor, .. } = index.relation;
    let key = placed(data, KEY_HEADER, KEY_HEADER_WITH_BITMAP);
    // A leaf is full when less than this is left; what it ended with moves on, and stays behind as the page's bound.
    let room = block_size * fillfactor / 100.0 - PAGE_OVERHEAD;
    let (entries, entry, exact) = leaf_entries(key, data.exact, tuples, keys, block_size);
    let leaves = (entries / fits(room, entry + ITEM, exact)).ceil().max(1.0);
    1.0 + leaves + inner(leaves, key + ITEM, block_size)
}

/// How many entries the leaves hold, and how wide each is.
fn leaf_entries(key: f64, exact: bool, tuples: f64, keys: f64, block_size: f64) -> (f64, f64, bool) {
    let each = tuples / keys;
    if each <= 1.0 {
        return (tuples, key, exact);
    }
    let longest = (block_size / 10.0 / 8.0).floor() * 8.0 - ITEM;
    let in_list = ((longest - key) / POINTER).floor().max(1.0);
    let list = |rows: f64| if rows < 2.0 { key } else { up(key + POINTER * rows, 8.0) };
    // Keys have one row more or less than the average.
    let (few, share) = (each.floor(), each.fract());
    let of = |rows: f64| {
        let (full, rest) = ((rows / in_list).floor(), rows % in_list);
        let entries = full + f64::from(rest > 0.0);
        (entries, full * list(in_list) + if rest > 0.0 { list(rest) } else { 0.0 })
    };
    let ((less, less_bytes), (more, more_bytes)) = (of(few), of(few + 1.0));
    let entries = less * (1.0 - share) + more * share;
    let bytes = less_bytes * (1.0 - share) + more_bytes * share;
    // Mostly full lists are all of one width.
    (entries * keys, bytes / entries, each >= 4.0 * in_list)
}

/// Pages above the leaves, up to one root.
fn inner(leaves: f64, key: f64, block_size: f64) -> f64 {
    let fan_out = fits(block_size * INNER_FILL - PAGE_OVERHEAD, key, true).max(2.0);
    let (mut level, mut pages) = (leaves, 0.0);
    while level > 1.0 {
        level = (level / fan_out).ceil();
        pages += level;
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::super::layout::Column;
    use super::super::layout::tests::{fixed, text};
    use super::*;

    fn index(columns: Vec<Column>, deduplicates: bool) -> Index {
        let relation =
            Relation { block_size: 8192.0, fillfactor: 90.0, pages: 300.0, tuples: Some(100_000.0), columns };
        Index { relation, deduplicates, partial: false }
    }

    /// As measured on a server after `create index`.
    #[test]
    fn unique_keys_of_fixed_width_are_exact() {
        let pages = |index: &Index| estimate(index).unwrap().pages;
        assert_eq!(pages(&index(vec![fixed(4, 'i')], false)), 276.0);
        assert_eq!(pages(&index(vec![fixed(8, 'd')], false)), 276.0);
        assert_eq!(pages(&index(vec![fixed(8, 'd'), fixed(4, 'i')], false)), 388.0);
        let small = index(vec![fixed(4, 'i')], false);
        let of = |tuples| Index {
            relation: Relation { tuples: Some(tuples), ..small.relation.clone() },
            ..small.clone()
        };
        assert_eq!(pages(&of(0.0)), 1.0);
        assert_eq!(pages(&of(10.0)), 2.0);
    }

    #[test]
    fn equal_keys_share_a_list() {
        let ten = Column { distinct: Some(10.0), ..fixed(4, 'i') };
        let found = estimate(&index(vec![ten.clone()], true)).unwrap();
        assert!((85.0..=95.0).contains(&found.pages), "{found:?}");
        assert!(found.reliable, "a factor of two changes nothing");
        let some = Column { distinct: Some(40_000.0), ..ten.clone() };
        assert!(!estimate(&index(vec![some.clone()], true)).unwrap().reliable);
        let unique = Column { distinct: Some(-1.0), ..ten };
        let found = estimate(&index(vec![some, unique], true)).unwrap();
        assert!(found.reliable && found.pages > 250.0, "{found:?}");
    }

    #[test]
    fn statistics_of_all_rows_say_little_of_some() {
        let of = |column: Column| {
            estimate(&Index { partial: true, ..index(vec![column], false) }).unwrap().reliable
        };
        assert!(of(fixed(8, 'd')));
        assert!(!of(text(20.0, 0.0)));
    }

    #[test]
    fn how_many_keys_there_are_is_not_guessed() {
        assert_eq!(estimate(&index(vec![fixed(4, 'i')], true)), Err(Lack::NoStatistics));
        let hidden = Column { hidden: true, ..fixed(4, 'i') };
        assert_eq!(estimate(&index(vec![hidden.clone()], true)), Err(Lack::Hidden));
        assert!(estimate(&index(vec![hidden], false)).is_ok());
    }
}
