//! What a target's answer means for the batch.

use std::time::Duration;

use wire::Want;

#[derive(Debug, PartialEq)]
pub enum Reply {
    /// The target echoed the batch's id.
    Accepted { wants: Vec<Want> },
    /// Keep it, and come again.
    Retry { why: String, after: Option<Duration> },
}
