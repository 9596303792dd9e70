//! From the bytes of a push to rows: pure, bounded, on one thread.
//!
//! `body` inflates up to a cap; `envelope` says whose batch it is; `fit` refuses what the database could not hold;
//! `item` takes each item apart; `prepare` puts the rows of a whole batch together. The first fault ends it: nothing is
//! stored in part. Only what is dated out of range, and is otherwise sound, is set aside with its reason.

pub mod body;
mod envelope;
mod fit;
mod item;
pub mod prepare;
#[cfg(test)]
mod tests;

use wire::Refused;

/// What is wrong with a push, and where.
#[derive(Debug, PartialEq)]
pub struct Fault {
    /// A path: `metrics[3].timestamp`.
    pub field: String,
    pub why: String,
}

impl Fault {
    pub fn new(field: impl Into<String>, why: impl Into<String>) -> Fault {
        Fault { field: field.into(), why: why.into() }
    }
}

/// An item that is kept aside, with its text.
#[derive(Debug)]
pub struct Aside {
    pub refused: Refused,
    pub text: String,
}
