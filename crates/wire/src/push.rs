//! What a backend answers.

use serde::{Deserialize, Serialize};

/// The answer to a push. `batch_id` is the acknowledgement: without it nothing was taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct PushReply {
    pub status: String,
    pub collector_id: String,
    pub batch_id: Option<String>,
    /// Items that were stored.
    pub metrics_inserted: u64,
    /// Rows that were stored: an item is one, and so is each row of a hot family in it.
    pub records_inserted: u64,
    /// Items that were not stored with the others; they are kept aside.
    pub refused: Vec<Refused>,
    /// This batch was there already.
    pub duplicate: bool,
    pub bytes_received: u64,
    pub processing_time_ms: f64,
    /// The newest configuration for this collector, where the backend has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_config_version: Option<u64>,
    pub next_check_in_seconds: u64,
    /// Statements whose rows arrived while their text never did.
    pub want_texts: Vec<Want>,
}

/// An item that a backend keeps aside, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refused {
    /// Its place in `metrics`.
    pub index: usize,
    #[serde(rename = "type")]
    pub kind: String,
    pub field: String,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Want {
    pub server: String,
    /// Text, as 64-bit numbers do not survive every JSON reader.
    pub queryid: String,
}

/// The one shape of an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    pub code: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}
