//! Why a figure is there, or is not: every part of every item says so.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    #[default]
    Ok,
    Partial,
    Skipped,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The role may not read it.
    Privilege,
    /// A relation, or a catalog, was held or requested under ACCESS EXCLUSIVE.
    Lock,
    /// The statement ran longer than it may.
    Timeout,
    /// This server's version has nothing of the kind.
    Version,
    ExtensionAbsent,
    ExtensionOutdated,
    /// A standby, or a managed server that does not have it.
    NotApplicable,
    /// The server-time budget of this run was spent.
    Shed,
    /// The run's deadline came first.
    OutOfTime,
    /// The server refused us: nothing on it could be asked.
    ServerRefused,
    /// This database refused us; others may not have.
    DatabaseRefused,
    DatabaseDropped,
    /// Nothing to compare with yet: rates need two runs.
    FirstRun,
    /// The server closed the connection, or the network did.
    ConnectionLost,
    /// The collector itself broke: a defect of ours.
    Panic,
    /// Some other error of the server, or of the host; see `sqlstate` and `detail`.
    Other,
}

/// One part of an item: did it work, and if not, why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    #[serde(rename = "outcome")]
    pub verdict: Verdict,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// One sentence for a person, free of secrets and of data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    pub rows: u64,
    /// How many there are, where `rows` is a bounded choice of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    pub took_ms: f64,
    /// Which transaction of the visit it was read in, when not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<u32>,
    /// Columns that this server turned out not to have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_columns: Vec<String>,
    /// Relations whose figures are estimates because somebody holds, or waits for, an exclusive lock.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locked: Vec<String>,
}

impl Outcome {
    pub fn new(verdict: Verdict, reason: Reason) -> Outcome {
        Outcome { verdict, reason: Some(reason), ..Outcome::default() }
    }

    pub fn skipped(reason: Reason) -> Outcome {
        Outcome::new(Verdict::Skipped, reason)
    }

    pub fn failed(reason: Reason) -> Outcome {
        Outcome::new(Verdict::Failed, reason)
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Outcome {
        self.detail = Some(detail.into());
        self
    }
}
