//! What a table's live rows would take, freshly written. Pure.

use super::layout::{Column, Lack, data, fits, placed, up};

/// Bytes of a page that are no rows: its header.
const PAGE_HEADER: f64 = 24.0;
/// Of a row, before its bitmap of NULLs.
const ROW_HEADER: f64 = 23.0;
/// Each row has an entry in its page's array of items.
pub(super) const ITEM: f64 = 4.0;

#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub(super) block_size: f64,
    pub(super) fillfactor: f64,
    pub(super) pages: f64,
    /// Live ones; `None`: never counted.
    pub(super) tuples: Option<f64>,
    pub(super) columns: Vec<Column>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    pub(super) pages: f64,
    pub(super) by_type: bool,
    pub(super) reliable: bool,
}

pub(super) fn estimate(table: &Relation) -> Result<Estimate, Lack> {
    let tuples = table.tuples.ok_or(Lack::NeverAnalyzed)?;
    // What statistics would say does not matter.
    if tuples == 0.0 || table.pages == 0.0 {
        return Ok(Estimate { pages: 0.0, by_type: true, reliable: true });
    }
    let data = data(&table.columns)?;
    let bitmap = (table.columns.len() as f64 / 8.0).ceil();
    let row = placed(&data, up(ROW_HEADER, 8.0), up(ROW_HEADER + bitmap, 8.0)) + ITEM;
    let reserve = table.block_size * (100.0 - table.fillfactor) / 100.0;
    let in_page = fits(table.block_size - PAGE_HEADER - reserve, row, data.exact);
    // With few rows to a page it matters much how they happen to fall.
    let even = data.exact || in_page >= 4.0;
    let reliable = even && table.columns.iter().all(|c| !c.added);
    Ok(Estimate { pages: (tuples / in_page).ceil(), by_type: data.by_type, reliable })
}

#[cfg(test)]
mod tests {
    use super::super::layout::tests::{fixed, text};
    use super::*;

    fn table(columns: Vec<Column>) -> Relation {
        Relation { block_size: 8192.0, fillfactor: 100.0, pages: 1e6, tuples: Some(100_000.0), columns }
    }

    fn pages(table: &Relation) -> f64 {
        estimate(table).unwrap().pages
    }

    /// As measured on a server: `create table t as select g::int ...`.
    #[test]
    fn fixed_widths_are_exact() {
        let ints = table(vec![fixed(4, 'i')]);
        assert_eq!(pages(&ints), 443.0);
        assert_eq!(pages(&Relation { fillfactor: 70.0, ..ints.clone() }), 633.0);
        let wide = (0..9).map(|_| fixed(8, 'd')).collect();
        assert_eq!(pages(&table(wide)), 1235.0);
    }

    #[test]
    fn an_empty_table_needs_nothing_to_be_known() {
        let none = Relation { tuples: Some(0.0), ..table(vec![text(1.0, 0.0)]) };
        assert_eq!(pages(&none), 0.0);
        let never = Relation { tuples: None, ..none };
        assert_eq!(estimate(&never), Err(Lack::NeverAnalyzed));
    }

    #[test]
    fn what_statistics_know_badly_is_marked() {
        assert!(estimate(&table(vec![text(500.0, 0.0)])).unwrap().reliable);
        assert!(!estimate(&table(vec![text(3000.0, 0.0)])).unwrap().reliable);
        let added = Column { added: true, ..fixed(4, 'i') };
        assert!(!estimate(&table(vec![added])).unwrap().reliable);
    }
}
