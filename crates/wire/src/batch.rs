//! A batch: what was collected in one run, as one JSON object.
//!
//! Written as a stream ([`open`], items, [`close`]) so that the collector never holds a whole batch; read as
//! [`Batch`], whose items stay raw text: whoever reads looks into an item's head first, and further only where it
//! computes with the figures.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Verdict;

/// Version of the batch's own shape. History:
/// 1: first; `metrics` holds flat items that end in `parts`.
pub const SCHEMA: u32 = 1;

/// What stands before the items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    pub schema: u32,
    /// Unique for ever; a target acknowledges by echoing it.
    pub batch_id: String,
    /// Counts the batches that this state directory sealed.
    pub sequence: u64,
    /// The batch that this one was split from, when a target found it too large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<String>,
    pub collector_id: String,
    pub hostname: String,
    pub timestamp: String,
    pub started_at: String,
    pub version: String,
    /// What the collector promises between two deliveries: by that it is late, or silent.
    pub interval_s: u64,
}

/// What stands behind the items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    pub metrics_count: u64,
    pub outcomes: Counts,
}

/// How the parts of all items went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Counts {
    pub ok: u64,
    pub partial: u64,
    pub skipped: u64,
    pub failed: u64,
}

impl Counts {
    pub fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Ok => self.ok += 1,
            Verdict::Partial => self.partial += 1,
            Verdict::Skipped => self.skipped += 1,
            Verdict::Failed => self.failed += 1,
        }
    }
}

/// A whole batch, as it is read.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Batch {
    pub schema: u32,
    pub batch_id: String,
    pub sequence: u64,
    #[serde(default)]
    pub part_of: Option<String>,
    pub collector_id: String,
    pub hostname: String,
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub timestamp: String,
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub started_at: String,
    pub version: String,
    /// What the collector promises between two deliveries: by that it is late, or silent.
    pub interval_s: u64,
    #[cfg_attr(feature = "schema", schemars(with = "Vec<ItemHead>"))]
    pub metrics: Vec<Box<RawValue>>,
    pub metrics_count: u64,
    pub outcomes: Counts,
}

impl Batch {
    pub fn head(&self) -> Head {
        Head {
            schema: self.schema,
            batch_id: self.batch_id.clone(),
            sequence: self.sequence,
            part_of: self.part_of.clone(),
            collector_id: self.collector_id.clone(),
            hostname: self.hostname.clone(),
            timestamp: self.timestamp.clone(),
            started_at: self.started_at.clone(),
            version: self.version.clone(),
            interval_s: self.interval_s,
        }
    }
}

/// What every item begins with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("additionalProperties" = true)))]
pub struct ItemHead {
    #[serde(rename = "type")]
    pub kind: String,
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub timestamp: String,
    pub server: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    pub outcome: Verdict,
    pub took_ms: f64,
}

/// The text up to the first item.
pub fn open(head: &Head) -> Vec<u8> {
    let mut text = encode(head);
    text.pop();
    text.extend_from_slice(br#","metrics":["#);
    text
}

/// The text after the last item.
pub fn close(tail: &Tail) -> Vec<u8> {
    let mut text = b"],".to_vec();
    text.extend_from_slice(&encode(tail)[1..]);
    text
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("structs of strings and numbers always encode")
}
