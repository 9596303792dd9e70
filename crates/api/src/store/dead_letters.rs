//! What could not be stored, kept with its reason until somebody replays or drops it, or its time is over.

use tokio_postgres::GenericClient;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::failure::Failure;
use crate::ingest::Aside;

pub async fn keep(
    client: &impl GenericClient,
    collector: Uuid,
    batch_id: &str,
    aside: &[Aside],
) -> Result<(), Failure> {
    if aside.is_empty() {
        return Ok(());
    }
    let places: Vec<i32> = aside.iter().map(|a| i32::try_from(a.refused.index).unwrap_or(i32::MAX)).collect();
    let kinds: Vec<&str> = aside.iter().map(|a| a.refused.kind.as_str()).collect();
    let fields: Vec<&str> = aside.iter().map(|a| a.refused.field.as_str()).collect();
    let reasons: Vec<&str> = aside.iter().map(|a| a.refused.reason.as_str()).collect();
    let texts: Vec<&str> = aside.iter().map(|a| a.text.as_str()).collect();
    let sql = "insert into dead_letters (collector_id, batch_id, position, type, field, reason, body) \
               select $1, $2, p, k, f, r, b from unnest($3, $4, $5, $6, $7) as n (p, k, f, r, b) returning 1";
    client
        .query_typed(
            sql,
            &[
                (&collector, Type::UUID),
                (&batch_id, Type::TEXT),
                (&places, Type::INT4_ARRAY),
                (&kinds, Type::TEXT_ARRAY),
                (&fields, Type::TEXT_ARRAY),
                (&reasons, Type::TEXT_ARRAY),
                (&texts, Type::TEXT_ARRAY),
            ],
        )
        .await?;
    Ok(())
}

/// A batch whose rows the database itself refused, whole; once, however often it comes.
pub async fn keep_batch(
    client: &impl GenericClient,
    collector: Uuid,
    batch_id: &str,
    reason: &str,
    body: &str,
) -> Result<(), Failure> {
    let sql = "insert into dead_letters (collector_id, batch_id, field, reason, body) select $1, $2, '', $3, $4 \
               where not exists (select from dead_letters where collector_id = $1 and batch_id = $2 and position is null) \
               returning 1";
    client
        .query_typed(
            sql,
            &[(&collector, Type::UUID), (&batch_id, Type::TEXT), (&reason, Type::TEXT), (&body, Type::TEXT)],
        )
        .await?;
    Ok(())
}

#[derive(Debug)]
pub struct Letter {
    pub id: i64,
    pub collector: Uuid,
    pub batch_id: String,
    pub position: Option<i32>,
    pub body: String,
}

/// The oldest behind `after`.
pub async fn next(client: &impl GenericClient, after: i64) -> Result<Option<Letter>, Failure> {
    let sql = "select id, collector_id, batch_id, position, body from dead_letters where id > $1 order by id limit 1";
    let rows = client.query_typed(sql, &[(&after, Type::INT8)]).await?;
    Ok(rows.first().map(|row| Letter {
        id: row.get(0),
        collector: row.get(1),
        batch_id: row.get(2),
        position: row.get(3),
        body: row.get(4),
    }))
}

pub async fn remove(client: &impl GenericClient, letter: &Letter) -> Result<(), Failure> {
    let sql = "delete from dead_letters where collector_id = $1 and id = $2 returning 1";
    client.query_typed(sql, &[(&letter.collector, Type::UUID), (&letter.id, Type::INT8)]).await?;
    Ok(())
}

/// A line each: how many, of what, why.
pub async fn kinds(client: &impl GenericClient) -> Result<Vec<String>, Failure> {
    let sql = "select count(*) || '  ' || coalesce(type, '(batch)') || '  ' || case when field = '' then '' else field || ': ' end || reason \
               from dead_letters group by type, field, reason order by count(*) desc, 1 limit 100";
    let rows = client.query_typed(sql, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

pub async fn drop_older(client: &impl GenericClient, days: i64) -> Result<i64, Failure> {
    let sql = "with gone as (delete from dead_letters where received_at < now() - $1 * interval '1 day' returning 1) \
               select count(*) from gone";
    let rows = client.query_typed(sql, &[(&days, Type::INT8)]).await?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}
