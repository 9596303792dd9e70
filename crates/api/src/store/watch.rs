//! What whoever watches this system wants to know of the store.

use tokio_postgres::GenericClient;
use uuid::Uuid;

use super::failure::Failure;

/// A scrape shows no more collectors than this: those that were seen last.
const SHOWN: i64 = 5000;
/// And counts no further.
const COUNTED: i64 = 100_000;

#[derive(Clone, Debug)]
pub struct Watched {
    pub id: Uuid,
    pub name: String,
    pub last_seen_age_s: Option<f64>,
    pub cycle_ms: Option<f64>,
    pub spool_batches: Option<f64>,
    pub spool_bytes: Option<f64>,
    pub spool_oldest_s: Option<f64>,
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
    let sql = format!(
        "select id, name, extract(epoch from now() - last_seen)::float8, cycle_ms, spool_batches::float8 \
         , spool_bytes::float8, spool_oldest_s::float8 from collectors order by last_seen desc nulls last limit {SHOWN}"
    );
    let rows = client.query_typed(&sql, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| Watched {
            id: row.get(0),
            name: row.get(1),
            last_seen_age_s: row.get(2),
            cycle_ms: row.get(3),
            spool_batches: row.get(4),
            spool_bytes: row.get(5),
            spool_oldest_s: row.get(6),
        })
        .collect())
}
