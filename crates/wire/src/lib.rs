//! What travels between the collector and its backend. Depends on neither.

mod batch;
mod outcome;
mod push;

pub use batch::{Batch, Counts, Head, ItemHead, SCHEMA, Tail, close, open};
pub use outcome::{Outcome, Reason, Verdict};
pub use push::{Problem, PushReply, TokenReply, Want};
