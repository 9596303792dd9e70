//! Texts of statements: each kept once, the first one wins; and which of a batch's statements still lack theirs.

use std::collections::BTreeMap;

use tokio_postgres::GenericClient;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::failure::Failure;

/// A statement of one collector: server and id.
pub type Statement = (String, i64);

/// Keeps the texts that came.
pub async fn keep(
    client: &impl GenericClient,
    collector: Uuid,
    texts: &BTreeMap<Statement, &str>,
) -> Result<(), Failure> {
    if texts.is_empty() {
        return Ok(());
    }
    let servers: Vec<&str> = texts.keys().map(|(server, _)| server.as_str()).collect();
    let hashes: Vec<i64> = texts.keys().map(|(_, hash)| *hash).collect();
    let bodies: Vec<&str> = texts.values().copied().collect();
    // In the order of the key: two batches that meet wait for each other, and never in a circle.
    let sql = "insert into query_texts (collector_id, server, hash, text) \
               select $1, s, h, t from unnest($2, $3, $4) as n (s, h, t) order by s, h \
               on conflict do nothing returning hash";
    client
        .query_typed(
            sql,
            &[
                (&collector, Type::UUID),
                (&servers, Type::TEXT_ARRAY),
                (&hashes, Type::INT8_ARRAY),
                (&bodies, Type::TEXT_ARRAY),
            ],
        )
        .await?;
    Ok(())
}

/// Those of `statements` that have a text, which is marked as seen today.
pub async fn known(
    client: &impl GenericClient,
    collector: Uuid,
    statements: &[&Statement],
) -> Result<Vec<Statement>, Failure> {
    if statements.is_empty() {
        return Ok(Vec::new());
    }
    let servers: Vec<&str> = statements.iter().map(|(server, _)| server.as_str()).collect();
    let hashes: Vec<i64> = statements.iter().map(|(_, hash)| *hash).collect();
    let sql = "with asked as (select s, h from unnest($2, $3) as n (s, h)) \
               , aged as ( \
                   select t.ctid from query_texts t join asked on t.server = s and t.hash = h \
                   where t.collector_id = $1 and t.seen_on < current_date order by t.server, t.hash for update of t skip locked) \
               , touched as (update query_texts t set seen_on = current_date from aged where t.ctid = aged.ctid) \
               select t.server, t.hash from query_texts t join asked on t.server = s and t.hash = h \
               where t.collector_id = $1";
    let rows = client
        .query_typed(
            sql,
            &[(&collector, Type::UUID), (&servers, Type::TEXT_ARRAY), (&hashes, Type::INT8_ARRAY)],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
