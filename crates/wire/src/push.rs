//! What a backend answers.

use serde::{Deserialize, Serialize};

/// The answer to a push. `batch_id` is the acknowledgement: without it nothing was taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PushReply {
    pub status: String,
    pub batch_id: Option<String>,
    pub duplicate: bool,
    /// Statements whose rows arrived while their text never did.
    pub want_texts: Vec<Want>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Want {
    pub server: String,
    /// Text, as 64-bit numbers do not survive every JSON reader.
    pub queryid: String,
}

/// The answer to a refresh of the collector's token.
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenReply {
    pub token: String,
    #[serde(default)]
    pub expires_at: Option<String>,
}

/// The one shape of an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    pub code: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}
