//! Sessions that wait or are in the way of those that do, and the rows that tell of them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::error::Error;

use postgres::Row;
use serde::Serialize;

use super::chains::{Edges, Place, behind, places};
use crate::collect::part::thousandths;
use crate::collect::statement_text::Texts;
use crate::pg::rows;

/// Sessions in the way that are listed, and that are named for one that waits.
const BLOCKERS: usize = 50;
const NAMED: usize = 10;
/// The pid that the server gives for a prepared transaction.
const PREPARED: i32 = 0;

#[derive(Default)]
pub(super) struct Waiting {
    sessions: BTreeMap<i32, Party>,
    edges: Edges,
    /// Sessions that wait, listed or not.
    pub(super) total: i64,
}

/// A session; what the server does not tell of it is absent.
#[derive(Clone, Default, Serialize)]
struct Party {
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_addr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// Of its transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    #[serde(skip)]
    wait: Wait,
}

/// What it waits for.
#[derive(Clone, Default)]
struct Wait {
    ms: Option<f64>,
    locktype: Option<String>,
    mode: Option<String>,
    relid: Option<u32>,
    relation: Option<String>,
}

/// A session that waits, and the one right before it in line.
#[derive(Serialize)]
pub(super) struct Chain {
    blocked_pid: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_database: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_application: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_query_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_query: Option<String>,
    blocking_pid: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocking_database: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocking_user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocking_application: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocking_state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocking_query_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocking_query: Option<String>,
    /// All that are in its way, the first of them.
    blocking_pids: Vec<i32>,
    blocking_pids_total: usize,
    /// Sessions ahead of it, on the longest way to one that waits for nobody.
    depth: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    root_pid: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_ms: Option<f64>,
    /// Since when the statement that waits runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    query_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locktype: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relation: Option<String>,
}

/// A session in somebody's way.
#[derive(Serialize)]
pub(super) struct Blocker {
    pid: i32,
    #[serde(flatten)]
    party: Party,
    /// It waits for nobody itself.
    root: bool,
    blocked_directly: usize,
    blocked: usize,
}

impl Waiting {
    pub(super) fn take(&mut self, row: &Row, texts: Texts) -> Result<(), Box<dyn Error + Sync + Send>> {
        let text = |name| rows::optional_text(row, name);
        let ms = |name| rows::optional::<f64>(row, name).map(|ms| ms.map(thousandths));
        let pid = row.try_get("pid")?;
        let wait = Wait {
            ms: ms("wait_ms")?,
            locktype: text("locktype")?,
            mode: text("mode")?,
            relid: rows::optional(row, "relid")?,
            relation: text("relation")?,
        };
        let state = if pid == PREPARED { Some("prepared transaction".to_owned()) } else { text("state")? };
        let party = Party {
            database: text("database")?,
            user: text("user")?,
            application: text("application")?,
            client_addr: text("client_addr")?,
            backend_type: text("backend_type")?,
            state,
            duration_ms: ms("duration_ms")?,
            query_ms: ms("query_ms")?,
            query_hash: text("query_hash")?,
            query: text("query")?.and_then(|query| texts.told(&query)),
            wait,
        };
        if let Some(blockers) = text("blockers")?.filter(|pids| !pids.is_empty()) {
            let pids: Result<Vec<i32>, _> = blockers.split(' ').map(str::parse).collect();
            self.edges.insert(pid, pids?);
        }
        self.total = rows::optional(row, "total")?.unwrap_or(self.total);
        self.sessions.insert(pid, party);
        Ok(())
    }

    /// Who waits longest comes first.
    pub(super) fn chains(&self) -> Vec<Chain> {
        let mut chains: Vec<Chain> =
            places(&self.edges).into_iter().map(|(pid, place)| self.chain(pid, place)).collect();
        let waits = |c: &Chain| c.wait_ms.or(c.query_ms).unwrap_or(0.0);
        chains.sort_by(|a, b| waits(b).total_cmp(&waits(a)).then(a.blocked_pid.cmp(&b.blocked_pid)));
        chains
    }

    fn chain(&self, pid: i32, place: Place) -> Chain {
        let (blocked, blocking) = (self.party(pid), self.party(place.next));
        let ahead = self.edges.get(&pid).map_or(&[][..], Vec::as_slice);
        Chain {
            blocked_pid: pid,
            blocked_database: blocked.database,
            blocked_user: blocked.user,
            blocked_application: blocked.application,
            blocked_query_hash: blocked.query_hash,
            blocked_query: blocked.query,
            blocking_pid: place.next,
            blocking_database: blocking.database,
            blocking_user: blocking.user,
            blocking_application: blocking.application,
            blocking_state: blocking.state,
            blocking_query_hash: blocking.query_hash,
            blocking_query: blocking.query,
            blocking_pids: ahead.iter().copied().take(NAMED).collect(),
            blocking_pids_total: ahead.len(),
            depth: place.depth,
            root_pid: place.root,
            wait_ms: blocked.wait.ms,
            query_ms: blocked.query_ms,
            locktype: blocked.wait.locktype,
            mode: blocked.wait.mode,
            relid: blocked.wait.relid,
            relation: blocked.wait.relation,
        }
    }

    /// Those that most wait for first, and how many there are in all.
    pub(super) fn blockers(&self) -> (Vec<Blocker>, usize) {
        let mut all: Vec<(i32, (usize, usize))> = behind(&self.edges).into_iter().collect();
        all.sort_by_key(|(pid, (direct, behind))| (Reverse(*behind), Reverse(*direct), *pid));
        let listed = all.iter().take(BLOCKERS).map(|(pid, counts)| self.blocker(*pid, *counts));
        (listed.collect(), all.len())
    }

    fn blocker(&self, pid: i32, (blocked_directly, blocked): (usize, usize)) -> Blocker {
        Blocker {
            pid,
            party: self.party(pid),
            root: !self.edges.contains_key(&pid),
            blocked_directly,
            blocked,
        }
    }

    fn party(&self, pid: i32) -> Party {
        self.sessions.get(&pid).cloned().unwrap_or_default()
    }
}
