//! The weightiest of many, so many and no more; and figures of statements by their shape.

use std::collections::HashMap;

use crate::collect::schedule::seed;

/// The weightiest rows.
pub(super) struct Top<T> {
    most: usize,
    rows: Vec<(f64, T)>,
}

impl<T> Top<T> {
    pub(super) fn new(most: usize) -> Top<T> {
        Top { most, rows: Vec::new() }
    }

    /// `row` is made only where it is kept.
    pub(super) fn push(&mut self, weight: f64, row: impl FnOnce() -> T) {
        if self.rows.len() < self.most {
            self.rows.push((weight, row()));
            return;
        }
        let lightest = self.rows.iter_mut().min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some(lightest) = lightest.filter(|(least, _)| *least < weight) {
            *lightest = (weight, row());
        }
    }

    /// The weightiest first.
    pub(super) fn told(mut self) -> Vec<T> {
        self.rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        self.rows.into_iter().map(|(_, row)| row).collect()
    }
}

/// Shapes that are told apart. What comes beyond counts in the totals alone.
const MOST_SHAPES: usize = 1000;

/// Figures of statements, those of one shape together.
pub(super) struct Shapes<T> {
    slots: HashMap<u64, Slot<T>>,
}

pub(super) struct Slot<T> {
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) max: f64,
    pub(super) last_us: Option<i64>,
    pub(super) row: T,
}

impl<T> Default for Shapes<T> {
    fn default() -> Shapes<T> {
        Shapes { slots: HashMap::new() }
    }
}

impl<T> Shapes<T> {
    pub(super) fn add(&mut self, key: u64, value: f64, at_us: Option<i64>, row: impl FnOnce() -> T) {
        if self.slots.len() >= MOST_SHAPES && !self.slots.contains_key(&key) {
            return;
        }
        let slot = self.slots.entry(key).or_insert_with(|| Slot {
            count: 0,
            sum: 0.0,
            max: 0.0,
            last_us: None,
            row: row(),
        });
        slot.count += 1;
        slot.sum += value;
        slot.max = slot.max.max(value);
        slot.last_us = at_us.or(slot.last_us);
    }

    /// The first `most` by their sums, then by their counts.
    pub(super) fn told(self, most: usize) -> Vec<Slot<T>> {
        let mut all: Vec<Slot<T>> = self.slots.into_values().collect();
        all.sort_by(|a, b| {
            b.sum.total_cmp(&a.sum).then(b.count.cmp(&a.count)).then(b.last_us.cmp(&a.last_us))
        });
        all.truncate(most);
        all
    }
}

/// The same for statements that differ in their literals alone. Nothing is told of it: it only has to be quick.
pub(in crate::collect::pg_log) fn shape(statement: &[u8], salt: &[u8]) -> u64 {
    let mut hash = seed(&[&String::from_utf8_lossy(salt)]);
    let (mut at, mut word, mut latest) = (0, false, 0);
    // The beginning of a statement tells it apart.
    let statement = &statement[..statement.len().min(2000)];
    while let Some(&byte) = statement.get(at) {
        let step = match byte {
            b'\'' => {
                at += memchr::memchr(b'\'', &statement[at + 1..]).map_or(statement.len(), |n| n + 2);
                Some(b'?')
            }
            b'0'..=b'9' if !word => {
                at += statement[at..].iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
                Some(b'?')
            }
            b' ' | b'\n' | b'\t' | b'\r' => {
                at += 1;
                None
            }
            _ => {
                at += 1;
                Some(byte)
            }
        };
        word = byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80;
        // A quote within a literal parts it in two.
        if let Some(step) = step.filter(|step| *step != b'?' || latest != b'?') {
            latest = step;
            hash = (hash ^ u64::from(step)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weightiest_stay() {
        let mut top = Top::new(2);
        [3.0, 1.0, 2.0, 5.0].iter().for_each(|n| top.push(*n, || *n));
        assert_eq!(top.told(), [5.0, 3.0]);
    }

    #[test]
    fn statements_that_differ_in_literals_have_one_shape() {
        let of = |text: &str| shape(text.as_bytes(), b"");
        assert_eq!(
            of("select a1 from t where x = 'a' and y=12"),
            of("select a1  from t where x = 'b''c' and y=3.5")
        );
        assert_ne!(of("select a1 from t"), of("select a2 from t"));
        assert_ne!(of("select a1 from t"), shape(b"select a1 from t", b"x"));
        of("select 'open");
    }
}
