//! What one part of a collector gives back: a piece of JSON and the reason why it is as it is.

use serde::Serialize;
use wire::{Outcome, Reason};

/// A finished part of an item.
#[derive(Clone, Debug)]
pub struct Done {
    /// The part's name: key in the item's `parts`, and of its rows.
    pub key: &'static str,
    pub fragment: Fragment,
    pub outcome: Outcome,
}

/// Encoded JSON, ready to be laid into the item as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fragment {
    Nothing,
    /// `"a":1,"b":2`: fields of the item itself, without braces.
    Fields(Vec<u8>),
    /// A JSON value under the part's own key.
    Value(Vec<u8>),
}

impl Fragment {
    /// The fields of a struct become fields of the item.
    pub fn fields<T: Serialize>(value: &T) -> Fragment {
        Fragment::Fields(fields(value))
    }

    /// A value under the part's key: an array of rows, mostly.
    pub fn value<T: Serialize>(value: &T) -> Fragment {
        Fragment::Value(encode(value))
    }
}

/// A struct without its braces.
pub(super) fn fields<T: Serialize>(value: &T) -> Vec<u8> {
    let json = encode(value);
    json[1..json.len() - 1].to_vec()
}

/// What figures of ours are rounded to, as those of the server are.
pub(super) fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

pub(super) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain structs of ours always encode")
}

impl Done {
    pub fn ok(key: &'static str, fragment: Fragment, rows: u64) -> Done {
        Done { key, fragment, outcome: Outcome { rows, ..Outcome::default() } }
    }

    pub fn failed(key: &'static str, reason: Reason, detail: impl Into<String>) -> Done {
        Done { key, fragment: Fragment::Nothing, outcome: Outcome::failed(reason).detail(detail) }
    }

    pub fn skipped(key: &'static str, reason: Reason, detail: impl Into<String>) -> Done {
        Done { key, fragment: Fragment::Nothing, outcome: Outcome::skipped(reason).detail(detail) }
    }
}
