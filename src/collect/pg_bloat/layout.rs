//! How wide a row's values are on disk: types, alignment, average widths and NULLs. Pure.
//!
//! `pg_stats.avg_width` is the width as stored: compressed, with its header of one byte or four, 18 bytes where the value
//! lies in the toast table; but cut to a whole number, for which half a byte is added.

use serde::Deserialize;

/// What the catalogs and statistics say of a column.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Column {
    /// `attlen`: -1 is a varlena, -2 a C string.
    pub(super) length: i16,
    pub(super) align: char,
    #[serde(default)]
    pub(super) dropped: bool,
    /// Added with a default: older rows do not hold it.
    #[serde(default)]
    pub(super) added: bool,
    pub(super) not_null: bool,
    pub(super) hidden: bool,
    pub(super) width: Option<f64>,
    pub(super) nulls: Option<f64>,
    #[serde(default)]
    pub(super) distinct: Option<f64>,
}

/// Why there is no estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    NeverAnalyzed,
    Hidden,
    NoStatistics,
    AccessMethod,
}

impl Lack {
    pub(super) fn word(self) -> &'static str {
        match self {
            Lack::NeverAnalyzed => "never_analyzed",
            Lack::Hidden => "statistics_hidden",
            Lack::NoStatistics => "no_statistics",
            Lack::AccessMethod => "access_method",
        }
    }
}

/// The average row's values, without any header.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Data {
    pub(super) bytes: f64,
    /// Every row is as wide as this.
    pub(super) exact: bool,
    /// How much of it differs from row to row.
    pub(super) varying: f64,
    /// The share of rows that hold a NULL.
    pub(super) with_null: f64,
    /// Nothing but types went into it.
    pub(super) by_type: bool,
}

impl Column {
    /// The share of NULLs, and the width of the others; whether both come from the type alone.
    fn known(&self) -> Result<(f64, f64, bool), Lack> {
        let fixed = f64::from(self.length);
        if self.dropped {
            return Ok((1.0, 0.0, true));
        }
        if self.length > 0 && self.not_null {
            return Ok((0.0, fixed, true));
        }
        match (self.nulls, self.width) {
            _ if self.hidden => Err(Lack::Hidden),
            // A `name` is cut to a C string in an index, and statistics know only the whole.
            (Some(_), Some(_)) if self.length == -2 => Err(Lack::NoStatistics),
            (Some(nulls), Some(_)) if self.length > 0 => Ok((nulls, fixed, false)),
            (Some(nulls), Some(width)) => Ok((nulls, width + 0.5, false)),
            _ => Err(Lack::NoStatistics),
        }
    }

    fn boundary(&self) -> f64 {
        match self.align {
            'd' => 8.0,
            'i' => 4.0,
            's' => 2.0,
            _ => 1.0,
        }
    }
}

pub(super) fn data(columns: &[Column]) -> Result<Data, Lack> {
    let (mut bytes, mut exact, mut without_null, mut by_type) = (0.0, true, 1.0, true);
    let mut varying = 0.0;
    for column in columns {
        let (nulls, width, typed) = column.known()?;
        by_type &= typed;
        without_null *= 1.0 - nulls;
        if nulls >= 1.0 {
            continue;
        }
        // A varlena of up to 126 bytes has a header of one byte, and needs no alignment.
        let short = column.length == -1 && width <= 127.0;
        let boundary = if short { 1.0 } else { column.boundary() };
        let padding = if exact { up(bytes, boundary) - bytes } else { (boundary - 1.0) / 2.0 };
        bytes += (padding + width) * (1.0 - nulls);
        exact &= column.length > 0 && nulls == 0.0;
        varying += if column.length > 0 { 0.0 } else { width * (1.0 - nulls) };
    }
    Ok(Data { bytes, exact, varying, with_null: 1.0 - without_null, by_type })
}

/// Widths are taken to lie within this share of their average.
const SPREAD: f64 = 0.2;
const STEPS: u32 = 32;

/// A row's width with its header, as it is placed: in steps of eight, the average of what they make of its widths.
pub(super) fn placed(data: &Data, header: f64, with_bitmap: f64) -> f64 {
    let header = header * (1.0 - data.with_null) + with_bitmap * data.with_null;
    let width = header + data.bytes;
    if data.exact {
        return up(width, 8.0);
    }
    // What a NULL leaves out, or an alignment puts in, is no less uncertain than a byte.
    let spread = (SPREAD * data.varying).max(1.0);
    let at = |step: u32| width + spread * (2.0 * (f64::from(step) + 0.5) / f64::from(STEPS) - 1.0);
    (0..STEPS).map(|step| up(at(step).round(), 8.0)).sum::<f64>() / f64::from(STEPS)
}

/// Rows that fit into a room: widths that differ leave half a row on average.
pub(super) fn fits(room: f64, row: f64, exact: bool) -> f64 {
    let many = room / row;
    (if exact { (many + 1e-9).floor() } else { many - 0.5 }).max(1.0)
}

pub(super) fn up(bytes: f64, boundary: f64) -> f64 {
    (bytes / boundary).ceil() * boundary
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn fixed(length: i16, align: char) -> Column {
        Column {
            length,
            align,
            dropped: false,
            added: false,
            not_null: true,
            hidden: false,
            width: None,
            nulls: None,
            distinct: None,
        }
    }

    pub(in super::super) fn text(width: f64, nulls: f64) -> Column {
        Column { length: -1, not_null: false, width: Some(width), nulls: Some(nulls), ..fixed(-1, 'i') }
    }

    #[test]
    fn alignment_is_what_the_order_of_columns_makes_it() {
        let bytes = |columns: &[Column]| data(columns).unwrap().bytes;
        assert_eq!(bytes(&[fixed(4, 'i'), fixed(8, 'd')]), 16.0);
        assert_eq!(bytes(&[fixed(8, 'd'), fixed(4, 'i')]), 12.0);
        assert_eq!(bytes(&[fixed(1, 'c'), fixed(2, 's'), fixed(4, 'i')]), 8.0);
        assert_eq!(bytes(&[fixed(16, 'c'), text(20.0, 0.0)]), 36.5);
        // After a text of any length a boundary is half a step away on average.
        assert_eq!(bytes(&[text(20.0, 0.0), fixed(4, 'i')]), 26.0);
        assert_eq!(bytes(&[text(200.0, 0.0), text(200.0, 0.0)]), 402.5);
    }

    #[test]
    fn nulls_take_no_room_but_a_bitmap() {
        let half = data(&[fixed(8, 'd'), text(40.0, 0.5)]).unwrap();
        assert_eq!((half.bytes, half.with_null, half.exact), (28.25, 0.5, false));
        let never = data(&[fixed(8, 'd'), Column { dropped: true, ..fixed(4, 'i') }]).unwrap();
        assert_eq!((never.bytes, never.with_null, never.exact), (8.0, 1.0, true));
        assert_eq!(placed(&never, 24.0, 24.0), 32.0);
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        let lack = |column: Column| data(&[column]).unwrap_err();
        assert_eq!(lack(Column { not_null: false, ..fixed(4, 'i') }), Lack::NoStatistics);
        assert_eq!(lack(Column { width: None, ..text(0.0, 0.0) }), Lack::NoStatistics);
        assert_eq!(lack(Column { hidden: true, ..text(9.0, 0.0) }), Lack::Hidden);
        assert_eq!(lack(Column { length: -2, ..text(9.0, 0.0) }), Lack::NoStatistics);
        assert!(data(&[Column { hidden: true, ..fixed(4, 'i') }]).unwrap().by_type);
    }
}
