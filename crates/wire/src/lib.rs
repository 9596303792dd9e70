//! What travels between the collector and its backend. Depends on neither.

mod outcome;

pub use outcome::{Outcome, Reason, Verdict};
