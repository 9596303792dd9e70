//! Attempts that all replicas count together: logging in and registering.

use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

use super::failure::Failure;

/// Counts this attempt, unless there were `most` within the last minute: then it tells in how many seconds there is room.
pub async fn count(
    tx: &Transaction<'_>,
    action: &str,
    client: &str,
    most: i64,
) -> Result<Result<(), u64>, Failure> {
    // One at a time for each client: two that arrive together must not both be the last.
    let sql = "with alone as materialized (select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1 || ' ' || $2, 0))) \
               select 1 from alone";
    let key: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&action, Type::TEXT), (&client, Type::TEXT)];
    tx.query_typed(sql, &key).await?;
    let sql = "select count(*), coalesce(ceil(extract(epoch from min(at) + interval '1 minute' - now())), 0)::int8 from ( \
               select at from attempts where action = $1 and client = $2 and at > now() - interval '1 minute' \
               order by at desc limit $3) recent";
    let rows =
        tx.query_typed(sql, &[(&action, Type::TEXT), (&client, Type::TEXT), (&most, Type::INT8)]).await?;
    let (there, wait): (i64, i64) = rows.first().map_or((0, 0), |row| (row.get(0), row.get(1)));
    if there >= most {
        return Ok(Err(u64::try_from(wait).unwrap_or(0).max(1)));
    }
    tx.query_typed("insert into attempts (action, client) values ($1, $2) returning 1", &key).await?;
    Ok(Ok(()))
}

pub async fn forget(client: &tokio_postgres::Client) -> Result<(), Failure> {
    client
        .query_typed("delete from attempts where at < now() - interval '2 minutes' returning 1", &[])
        .await?;
    client.query_typed("delete from sessions where expires_at < now() returning 1", &[]).await?;
    Ok(())
}
