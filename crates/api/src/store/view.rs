//! One server over a span of time: lines to be drawn, and what its newest items tell.
//!
//! Each statement is a file of `view/`; all take the same parameters: collector, server, since, until, step in seconds. What
//! they find comes back as the rows' JSON, which is also what is answered: the types here are both.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_postgres::GenericClient;
use tokio_postgres::types::{Json, ToSql, Type};
use uuid::Uuid;

use super::failure::Failure;
use crate::family::join::Moment;

/// Of what.
#[derive(Clone, Debug)]
pub struct Scene {
    pub collector: Uuid,
    pub server: String,
    pub since: Timestamp,
    pub until: Timestamp,
    pub step_s: f64,
}

/// Lines of a plot; a plot has no more of them.
const LINES: i64 = 8;
/// Rows of a table.
const ROWS: i64 = 50;

#[derive(Deserialize, Serialize, JsonSchema)]
pub struct Line {
    pub name: String,
    /// Seconds since 1970, and the figure; null where it is not known.
    pub points: Vec<(f64, Option<f64>)>,
}

pub struct Asked {
    sql: &'static str,
    /// Seconds between two items.
    pub every_s: f64,
}

pub const SESSIONS: Asked = Asked { sql: include_str!("view/sessions.sql"), every_s: 60.0 };
pub const TRANSACTIONS: Asked = Asked { sql: include_str!("view/transactions.sql"), every_s: 60.0 };
pub const CACHE: Asked = Asked { sql: include_str!("view/cache.sql"), every_s: 60.0 };
pub const HOST: Asked = Asked { sql: include_str!("view/host.sql"), every_s: 60.0 };
pub const WAITING: Asked = Asked { sql: include_str!("view/waiting.sql"), every_s: 60.0 };
pub const BEHIND: Asked = Asked { sql: include_str!("view/behind.sql"), every_s: 60.0 };
pub const DISKS: Asked = Asked { sql: include_str!("view/disks.sql"), every_s: 300.0 };
pub const ERRORS: Asked = Asked { sql: include_str!("view/errors.sql"), every_s: 300.0 };

pub async fn lines(client: &impl GenericClient, scene: &Scene, asked: &Asked) -> Result<Vec<Line>, Failure> {
    let sql = format!(
        "select l.name, array_agg(array[l.at, round(l.value::numeric, 3)::float8] order by l.at) as points \
         from ({}) l (place, name, at, value) group by l.name order by min(l.place), max(l.value) desc nulls last limit {LINES}",
        asked.sql
    );
    told(client, scene, &sql).await
}

#[derive(Deserialize, Serialize, JsonSchema)]
pub struct Statement {
    /// The queryid.
    pub hash: String,
    pub database: Option<String>,
    pub user: Option<String>,
    /// Masked; the first 4000 characters.
    pub text: Option<String>,
    pub calls: Option<f64>,
    /// Within the span.
    pub total_ms: f64,
    pub rows: Option<f64>,
    pub blocks_read: Option<f64>,
    /// Of the time of all statements.
    pub share_percent: Option<f64>,
    /// Seconds since 1970, and milliseconds of it in each second.
    pub trend: Vec<(f64, Option<f64>)>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
pub struct Wait {
    pub blocked_pid: Option<f64>,
    pub blocked_user: Option<String>,
    pub blocked_database: Option<String>,
    pub blocked_query: Option<String>,
    pub wait_ms: Option<f64>,
    pub depth: Option<f64>,
    pub mode: Option<String>,
    pub locktype: Option<String>,
    pub relation: Option<String>,
    pub blocking_pid: Option<f64>,
    pub blocking_user: Option<String>,
    pub blocking_state: Option<String>,
    pub blocking_query: Option<String>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
pub struct Transaction {
    pub pid: Option<f64>,
    pub user: Option<String>,
    pub database: Option<String>,
    pub application: Option<String>,
    pub state: Option<String>,
    pub duration_ms: Option<f64>,
    pub query: Option<String>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
pub struct Standby {
    pub name: Option<String>,
    pub address: Option<String>,
    pub state: Option<String>,
    pub sync: Option<String>,
    pub behind_bytes: Option<f64>,
    pub replay_lag_ms: Option<f64>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
pub struct Slot {
    pub name: Option<String>,
    pub kind: Option<String>,
    pub active: Option<bool>,
    pub retained_bytes: Option<f64>,
    pub wal_status: Option<String>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
pub struct Wraparound {
    pub database: Option<String>,
    /// Percent, of transaction ids or multixacts, whichever is less.
    pub left_percent: Option<f64>,
    pub xid_age: Option<f64>,
    pub mxid_age: Option<f64>,
    pub oldest_table: Option<String>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
pub struct Filesystem {
    pub mount: Option<String>,
    pub device: Option<String>,
    pub used_percent: Option<f64>,
    pub free_bytes: Option<f64>,
    pub total_bytes: Option<f64>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
pub struct Entry {
    pub at: Option<String>,
    pub level: Option<String>,
    pub severity: Option<String>,
    pub kind: Option<String>,
    pub database: Option<String>,
    pub user: Option<String>,
    pub message: Option<String>,
    pub text: Option<String>,
    /// So many samples of the log are alike; their moment is that of the newest.
    pub count: i64,
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
pub struct Facts {
    pub uptime_s: Option<f64>,
    pub sessions: Option<f64>,
    pub max_connections: Option<f64>,
    /// Whether it replays another one's WAL.
    pub standby: Option<bool>,
    /// Where that comes from.
    pub primary: Option<String>,
    pub databases: Option<f64>,
    pub cores: Option<f64>,
}

macro_rules! table {
    ($name:ident, $row:ty, $file:literal) => {
        pub async fn $name(client: &impl GenericClient, scene: &Scene) -> Result<Vec<$row>, Failure> {
            told(client, scene, include_str!($file)).await
        }
    };
}

table!(facts, Facts, "view/facts.sql");
table!(statements, Statement, "view/statements.sql");
table!(waits, Wait, "view/waits.sql");
table!(transactions, Transaction, "view/open.sql");
table!(standbys, Standby, "view/standbys.sql");
table!(slots, Slot, "view/slots.sql");
table!(wraparound, Wraparound, "view/wraparound.sql");
table!(filesystems, Filesystem, "view/filesystems.sql");
table!(entries, Entry, "view/entries.sql");

async fn told<T: DeserializeOwned>(
    client: &impl GenericClient,
    scene: &Scene,
    sql: &str,
) -> Result<Vec<T>, Failure> {
    let (since, until) = (Moment(scene.since), Moment(scene.until));
    let parameters: [(&(dyn ToSql + Sync), Type); 5] = [
        (&scene.collector, Type::UUID),
        (&scene.server, Type::TEXT),
        (&since, Type::TIMESTAMPTZ),
        (&until, Type::TIMESTAMPTZ),
        (&scene.step_s, Type::FLOAT8),
    ];
    let sql = format!("select to_jsonb(t) from ({sql}) t limit {ROWS}");
    let rows = client.query_typed(&sql, &parameters).await?;
    rows.iter().map(|row| Ok(row.try_get::<_, Json<T>>(0)?.0)).collect()
}
