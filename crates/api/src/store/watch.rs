//! What whoever watches this system wants to know of the store.

use jiff::Timestamp;
use tokio_postgres::types::Type;
use tokio_postgres::{GenericClient, Row};
use uuid::Uuid;

use super::failure::Failure;
use crate::family::join::Moment;

/// A scrape shows no more collectors than this: those that were seen last.
const SHOWN: i64 = 5000;
/// And counts no further.
const COUNTED: i64 = 100_000;

#[derive(Clone, Debug)]
pub struct Watched {
    pub id: Uuid,
    pub name: String,
    pub hostname: String,
    pub address: Option<String>,
    pub version: Option<String>,
    pub registered_at: Timestamp,
    pub last_seen: Option<Timestamp>,
    pub last_seen_age_s: Option<f64>,
    /// What it promises between two pushes.
    pub interval_s: Option<f64>,
    pub cycle_ms: Option<f64>,
    pub spool_batches: Option<f64>,
    pub spool_bytes: Option<f64>,
    pub spool_oldest_s: Option<f64>,
}

const COLUMNS: &str = "id, name, hostname, address, version, registered_at, last_seen \
                       , extract(epoch from now() - last_seen)::float8, interval_s::float8, cycle_ms, spool_batches::float8 \
                       , spool_bytes::float8, spool_oldest_s::float8";

fn watched(row: &Row) -> Result<Watched, Failure> {
    let Moment(registered_at) = row.try_get(5)?;
    Ok(Watched {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        hostname: row.try_get(2)?,
        address: row.try_get(3)?,
        version: row.try_get(4)?,
        registered_at,
        last_seen: row.try_get::<_, Option<Moment>>(6)?.map(|Moment(at)| at),
        last_seen_age_s: row.try_get(7)?,
        interval_s: row.try_get(8)?,
        cycle_ms: row.try_get(9)?,
        spool_batches: row.try_get(10)?,
        spool_bytes: row.try_get(11)?,
        spool_oldest_s: row.try_get(12)?,
    })
}

/// Whether it answers at all.
pub async fn answers(client: &impl GenericClient) -> Result<(), Failure> {
    client.query_typed("select 1", &[]).await?;
    Ok(())
}

pub async fn dead_letters(client: &impl GenericClient) -> Result<i64, Failure> {
    let sql = format!("select count(*) from (select from dead_letters limit {COUNTED}) d");
    let rows = client.query_typed(&sql, &[]).await?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

pub async fn collectors(client: &impl GenericClient) -> Result<Vec<Watched>, Failure> {
    let sql =
        format!("select {COLUMNS} from collectors order by last_seen desc nulls last, name limit {SHOWN}");
    client.query_typed(&sql, &[]).await?.iter().map(watched).collect()
}

pub async fn collector(client: &impl GenericClient, id: Uuid) -> Result<Option<Watched>, Failure> {
    let sql = format!("select {COLUMNS} from collectors where id = $1");
    client.query_typed(&sql, &[(&id, Type::UUID)]).await?.first().map(watched).transpose()
}
