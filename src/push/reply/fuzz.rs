//! Fuzz target: an answer of the backend, or of whatever stands before it or plays it.

use serde::Deserialize;

use super::{Reply, WANTS, of};
use crate::http::Answer;

const BATCH: &str = "b1";

#[derive(Deserialize)]
struct Id {
    batch_id: String,
}

#[derive(Deserialize)]
struct Code {
    #[serde(rename = "code")]
    _code: String,
}

/// The first two bytes are the status. A batch is let go of only where its own id is echoed, given up only where an error
/// of the backend's own says so; what is told is one short line, what is wanted is bounded.
pub(crate) fn reply(data: &[u8]) {
    let Some((status, body)) = data.split_first_chunk::<2>() else { return };
    let status = 100 + u16::from_le_bytes(*status) % 500;
    let answer = Answer { status, retry_after: None, headers: Default::default(), body: body.to_vec() };
    let why = match of(&answer, BATCH, "host", "a-token") {
        Reply::Accepted { wants } => {
            assert!(
                (200..300).contains(&status)
                    && serde_json::from_slice::<Id>(body).is_ok_and(|told| told.batch_id == BATCH)
            );
            assert!(
                wants.len() <= WANTS && wants.iter().all(|w| w.server.len() <= 256 && w.queryid.len() <= 20)
            );
            return;
        }
        Reply::Reject { why } => {
            assert!(matches!(status, 400 | 422) && serde_json::from_slice::<Code>(body).is_ok());
            why
        }
        Reply::Retry { why, .. }
        | Reply::Fault { why }
        | Reply::Unauthorized { why }
        | Reply::TooLarge { why } => why,
    };
    assert!(!why.contains(char::is_control) && why.chars().count() < 700, "{why:?}");
}
