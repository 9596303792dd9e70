//! What collectors are told. Versions are kept; the newest counts.

use tokio_postgres::types::Type;
use tokio_postgres::{GenericClient, Transaction};
use uuid::Uuid;

use super::failure::Failure;

#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    pub version: i64,
    pub body: String,
    pub etag: String,
}

pub async fn newest(client: &impl GenericClient, collector: Uuid) -> Result<Option<Stored>, Failure> {
    let sql = "select version, body, etag from configs where collector_id = $1 order by version desc limit 1";
    let rows = client.query_typed(sql, &[(&collector, Type::UUID)]).await?;
    Ok(rows.first().map(|row| Stored { version: row.get(0), body: row.get(1), etag: row.get(2) }))
}

/// The version that it became; `None`: there is no such collector.
pub async fn put(
    tx: &Transaction<'_>,
    collector: Uuid,
    body: &str,
    etag: &str,
    by: &str,
) -> Result<Option<i64>, Failure> {
    // Two at once take turns at the collector's row.
    let sql = "update collectors set config_version = coalesce(config_version, 0) + 1 where id = $1 returning config_version";
    let rows = tx.query_typed(sql, &[(&collector, Type::UUID)]).await?;
    let Some(version) = rows.first().map(|row| row.get::<_, i64>(0)) else { return Ok(None) };
    let sql = "insert into configs (collector_id, version, body, etag, created_by) values ($1, $2, $3, $4, $5) returning 1";
    tx.query_typed(
        sql,
        &[
            (&collector, Type::UUID),
            (&version, Type::INT8),
            (&body, Type::TEXT),
            (&etag, Type::TEXT),
            (&by, Type::TEXT),
        ],
    )
    .await?;
    Ok(Some(version))
}
