//! Counts and lists of one reading. Pure.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::sessions::Seen;

const LONG_MS: f64 = 5_000.0;
const TRANSACTIONS: usize = 50;
const CONNECTIONS: usize = 500;
const WAITS: usize = 100;

const CLIENT: &str = "client backend";
const IDLE_IN_TRANSACTION: &str = "idle in transaction";
const ABORTED: &str = "idle in transaction (aborted)";

/// How many connections the server takes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Room {
    pub(super) max_connections: i32,
    pub(super) superuser_reserved_connections: i32,
    /// Since PostgreSQL 16, for members of pg_use_reserved_connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reserved_connections: Option<i32>,
}

#[derive(Serialize)]
pub(super) struct Figures {
    total: usize,
    active: usize,
    active_waiting: usize,
    idle: usize,
    idle_in_transaction: usize,
    idle_in_transaction_aborted: usize,
    /// Sessions that the role may not look at: counted, no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden: Option<usize>,
    #[serde(flatten)]
    room: Option<Room>,
    /// Of what a role without privileges may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    used_percent: Option<f64>,
    by_state: BTreeMap<String, usize>,
    by_backend_type: BTreeMap<String, usize>,
    connections_total: usize,
    connections: Vec<Connections>,
    wait_events: Vec<Waits>,
    long_running_transactions_total: usize,
    long_running_transactions: Vec<Box<RawValue>>,
    idle_transactions_total: usize,
    idle_transactions: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_xmin: Option<OldestXmin>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Who {
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
}

#[derive(Serialize)]
struct Connections {
    #[serde(flatten)]
    who: Who,
    count: usize,
}

#[derive(Serialize)]
struct Waits {
    #[serde(rename = "type")]
    kind: String,
    event: String,
    count: usize,
    /// Those of them that are in the middle of a statement.
    active: usize,
}

#[derive(Serialize)]
struct OldestXmin {
    age: i32,
    pid: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend_type: Option<String>,
    #[serde(flatten)]
    who: Who,
}

impl Figures {
    pub(super) fn of(seen: Vec<Seen>, room: Option<Room>) -> Figures {
        let clients: Vec<&Seen> = seen.iter().filter(|s| s.is_client()).collect();
        let in_state = |state: &str| clients.iter().filter(|s| s.state.as_deref() == Some(state)).count();
        let hidden = clients.iter().filter(|s| s.backend_type.is_none()).count();
        let connections = count(clients.iter().map(|s| s.who()));
        let long = |s: &Seen| {
            s.transaction_ms.is_some_and(|ms| ms > LONG_MS)
                && s.backend_type.as_deref() != Some("parallel worker")
        };
        let idle = |s: &Seen| matches!(s.state.as_deref(), Some(IDLE_IN_TRANSACTION | ABORTED));
        Figures {
            total: clients.len(),
            active: in_state("active"),
            active_waiting: clients.iter().filter(|s| s.is_active() && s.wait.is_some()).count(),
            idle: in_state("idle"),
            idle_in_transaction: in_state(IDLE_IN_TRANSACTION),
            idle_in_transaction_aborted: in_state(ABORTED),
            hidden: (hidden > 0).then_some(hidden),
            room,
            used_percent: room.and_then(|room| room.used_percent(clients.len())),
            by_state: count(clients.iter().map(|s| s.state.clone().unwrap_or_else(|| "unknown".to_owned()))),
            by_backend_type: count(seen.iter().filter_map(|s| s.backend_type.clone())),
            connections_total: connections.len(),
            connections: largest(connections, CONNECTIONS)
                .map(|(who, count)| Connections { who, count })
                .collect(),
            wait_events: waits(&seen),
            long_running_transactions_total: seen.iter().filter(|s| long(s)).count(),
            long_running_transactions: longest(&seen, long),
            idle_transactions_total: seen.iter().filter(|s| idle(s)).count(),
            idle_transactions: longest(&seen, idle),
            oldest_xmin: oldest_xmin(&seen),
        }
    }
}

impl Seen {
    /// Where the type is hidden, a session in a database is taken for a client's.
    fn is_client(&self) -> bool {
        self.backend_type.as_deref().map_or(self.database.is_some(), |kind| kind == CLIENT)
    }

    fn is_active(&self) -> bool {
        self.state.as_deref() == Some("active")
    }

    fn who(&self) -> Who {
        Who {
            database: self.database.clone(),
            user: self.user.clone(),
            application: self.application.clone(),
            state: self.state.clone(),
        }
    }
}

impl Room {
    fn used_percent(self, used: usize) -> Option<f64> {
        let kept = self.superuser_reserved_connections + self.reserved_connections.unwrap_or(0);
        let free = self.max_connections - kept;
        (free > 0).then(|| (100_000.0 * used as f64 / f64::from(free)).round() / 1000.0)
    }
}

fn count<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    keys.for_each(|key| *counts.entry(key).or_insert(0) += 1);
    counts
}

fn largest<K: Ord>(counts: BTreeMap<K, usize>, limit: usize) -> impl Iterator<Item = (K, usize)> {
    let mut counts: Vec<(K, usize)> = counts.into_iter().collect();
    // Stable: equals stay in the order of their names.
    counts.sort_by_key(|(_, count)| Reverse(*count));
    counts.into_iter().take(limit)
}

fn waits(seen: &[Seen]) -> Vec<Waits> {
    let active = count(seen.iter().filter(|s| s.is_active()).filter_map(|s| s.wait.clone()));
    let all = count(seen.iter().filter_map(|s| s.wait.clone()));
    largest(all, WAITS)
        .map(|(wait, count)| {
            let active = active.get(&wait).copied().unwrap_or(0);
            Waits { kind: wait.0, event: wait.1, count, active }
        })
        .collect()
}

fn longest(seen: &[Seen], belongs: impl Fn(&Seen) -> bool) -> Vec<Box<RawValue>> {
    let mut found: Vec<&Seen> = seen.iter().filter(|s| belongs(s) && s.told.is_some()).collect();
    let ms = |s: &Seen| s.transaction_ms.unwrap_or(0.0);
    found.sort_by(|a, b| ms(b).total_cmp(&ms(a)).then(a.pid.cmp(&b.pid)));
    found.into_iter().take(TRANSACTIONS).filter_map(|s| s.told.clone()).collect()
}

fn oldest_xmin(seen: &[Seen]) -> Option<OldestXmin> {
    let oldest =
        seen.iter().filter_map(|s| Some((s.xmin_age?, Reverse(s.pid), s))).max_by_key(|(a, p, _)| (*a, *p));
    oldest.map(|(age, _, s)| OldestXmin {
        age,
        pid: s.pid,
        backend_type: s.backend_type.clone(),
        who: s.who(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn client(pid: i32, state: Option<&str>, transaction_ms: Option<f64>) -> Seen {
        let text = |text: &str| Some(text.to_owned());
        Seen {
            pid,
            database: text("d"),
            user: text("u"),
            application: text("a"),
            backend_type: state.and(text(CLIENT)),
            state: state.and_then(text),
            transaction_ms,
            told: transaction_ms.map(|_| RawValue::from_string(format!("{{\"pid\":{pid}}}")).unwrap()),
            ..Seen::default()
        }
    }

    fn told(seen: Vec<Seen>, reserved_connections: Option<i32>) -> Value {
        let room = Room { max_connections: 100, superuser_reserved_connections: 3, reserved_connections };
        serde_json::to_value(Figures::of(seen, Some(room))).unwrap()
    }

    #[test]
    fn used_is_of_what_ordinary_users_may_use() {
        let all = || (0..97).map(|pid| client(pid, Some("idle"), None)).collect();
        assert_eq!(told(all(), None)["used_percent"], 100.0);
        assert_eq!(told(all(), Some(10))["used_percent"], 111.494);
        assert!(told(all(), None).get("reserved_connections").is_none());
    }

    #[test]
    fn lists_hold_the_longest_and_their_totals_all() {
        let idle = (1..=60).map(|pid| client(pid, Some(IDLE_IN_TRANSACTION), Some(f64::from(pid) * 1000.0)));
        let busy = [client(100, Some("active"), Some(5_000.0)), client(101, Some("active"), Some(19_500.0))];
        let figures = told(idle.chain(busy).collect(), None);
        assert_eq!(figures["idle_transactions_total"], 60);
        assert_eq!(figures["long_running_transactions_total"], 55 + 1);
        for (list, first, last) in [("idle_transactions", 60, 11), ("long_running_transactions", 60, 12)] {
            let rows = figures[list].as_array().unwrap();
            assert_eq!(
                (rows.len(), &rows[0]["pid"], &rows[49]["pid"]),
                (50, &first.into(), &last.into()),
                "{list}"
            );
        }
    }

    #[test]
    fn hidden_sessions_are_counted_and_no_state_is_made_up_for_them() {
        let figures = told(vec![client(1, None, None), client(2, Some("idle"), None)], None);
        assert_eq!(
            (&figures["total"], &figures["hidden"], &figures["idle"]),
            (&2.into(), &1.into(), &1.into())
        );
        assert_eq!(figures["by_state"], serde_json::json!({"idle": 1, "unknown": 1}));
        assert!(figures["connections"][0].get("state").is_none());
    }
}
