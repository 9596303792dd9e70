//! What travels between the collector and its backend. Depends on neither.

mod auth;
mod batch;
mod outcome;
mod push;

pub use auth::{REGISTRATION_SECRET_HEADER, Register, Registered, TokenReply};
pub use batch::{Batch, Counts, Head, ItemHead, SCHEMA, Tail, close, open};
pub use outcome::{Outcome, Reason, Verdict};
pub use push::{Problem, PushReply, Refused, Want};
