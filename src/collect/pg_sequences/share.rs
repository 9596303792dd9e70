//! How much of a sequence's range is used, and how much is left. Pure.

/// What the catalogs say of a sequence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequence<'a> {
    pub(super) min: i64,
    pub(super) max: i64,
    /// Negative: it descends.
    pub(super) increment: i64,
    /// `None`: it was never called.
    pub(super) last: Option<i64>,
    pub(super) start: i64,
    /// Of the column that it feeds.
    pub(super) column_type: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share {
    /// The last value that can be used.
    pub(super) limit: i64,
    pub(super) limited_by: &'static str,
    pub(super) used_percent: f64,
    /// Calls that are left; nothing of the sequence's own numbers makes it more than 2^63 but a range around zero.
    pub(super) remaining: i128,
}

impl Sequence<'_> {
    pub(super) fn share(&self) -> Share {
        let ascends = self.increment > 0;
        let own = if ascends { self.max } else { self.min };
        let (limit, limited_by) = match self.column_range() {
            Some((_, highest)) if ascends && highest < own => (highest, "column"),
            Some((lowest, _)) if !ascends && lowest > own => (lowest, "column"),
            _ => (own, "sequence"),
        };
        let origin = i128::from(if ascends { self.min } else { self.max });
        let distance = |to: i64| (i128::from(to) - origin).abs() + 1;
        let range = distance(limit).max(1);
        let used = self.last.map_or(0, distance);
        Share {
            limit,
            limited_by,
            used_percent: used as f64 * 100.0 / range as f64,
            remaining: self.remaining(limit),
        }
    }

    fn remaining(&self, limit: i64) -> i128 {
        let step = i128::from(self.increment);
        // The first call gives the start itself.
        let from = self.last.map_or(i128::from(self.start) - step, i128::from);
        ((i128::from(limit) - from) / step).max(0)
    }

    fn column_range(&self) -> Option<(i64, i64)> {
        match self.column_type? {
            "smallint" => Some((i16::MIN.into(), i16::MAX.into())),
            "integer" => Some((i32::MIN.into(), i32::MAX.into())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: Sequence =
        Sequence { min: 1, max: 100, increment: 1, last: Some(25), start: 1, column_type: None };

    fn check(sequence: Sequence, limit: i64, by: &str, used: f64, remaining: i128) {
        let share = sequence.share();
        assert_eq!((share.limit, share.limited_by, share.remaining), (limit, by, remaining), "{sequence:?}");
        assert!((share.used_percent - used).abs() < 1e-9, "{share:?} of {sequence:?}");
    }

    #[test]
    fn up_and_down_and_in_steps() {
        check(UP, 100, "sequence", 25.0, 75);
        check(Sequence { last: None, ..UP }, 100, "sequence", 0.0, 100);
        check(Sequence { last: Some(100), ..UP }, 100, "sequence", 100.0, 0);
        check(Sequence { increment: 10, ..UP }, 100, "sequence", 25.0, 7);
        let down = Sequence { min: -100, max: -1, increment: -1, last: Some(-25), start: -1, ..UP };
        check(down, -100, "sequence", 25.0, 75);
        check(Sequence { last: None, ..down }, -100, "sequence", 0.0, 100);
        check(Sequence { increment: -10, last: Some(-91), ..down }, -100, "sequence", 91.0, 0);
    }

    #[test]
    fn the_column_ends_first() {
        let wide = Sequence { max: i64::MAX, last: Some(32_000), ..UP };
        check(
            Sequence { column_type: Some("smallint"), ..wide },
            32_767,
            "column",
            3_200_000.0 / 32_767.0,
            767,
        );
        check(
            Sequence { column_type: Some("numeric"), ..wide },
            i64::MAX,
            "sequence",
            0.0,
            i128::from(i64::MAX) - 32_000,
        );
        let small = Sequence { max: 1000, column_type: Some("integer"), ..UP };
        check(small, 1000, "sequence", 2.5, 975);
        let down = Sequence { min: i64::MIN, max: -1, increment: -1, last: Some(-32_768), start: -1, ..UP };
        check(Sequence { column_type: Some("smallint"), ..down }, -32_768, "column", 100.0, 0);
        let past = Sequence { last: Some(65_534), ..wide };
        check(Sequence { column_type: Some("smallint"), ..past }, 32_767, "column", 200.0, 0);
    }

    #[test]
    fn no_range_is_too_wide() {
        let all = Sequence { min: i64::MIN, max: i64::MAX, start: 0, last: Some(0), ..UP };
        check(all, i64::MAX, "sequence", 50.0, i128::from(i64::MAX));
        check(Sequence { last: Some(i64::MAX), ..all }, i64::MAX, "sequence", 100.0, 0);
        let first = Sequence { last: None, start: i64::MIN, ..all };
        check(first, i64::MAX, "sequence", 0.0, 1 << 64);
    }
}
