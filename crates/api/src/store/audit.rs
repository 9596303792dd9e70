//! The trail of administrative acts: who did what to whom, in the transaction that did it.

use serde_json::Value;
use tokio_postgres::GenericClient;
use tokio_postgres::types::Type;

use super::failure::Failure;
use crate::request;

/// On the host itself: the program was told by whoever may run it.
pub const HOST: &str = "(command line)";

pub async fn record(
    client: &impl GenericClient,
    actor: &str,
    action: &str,
    subject: &str,
    details: Option<Value>,
) -> Result<(), Failure> {
    let sql = "insert into audit (actor, action, subject, details, request_id) values ($1, $2, $3, $4, $5) returning 1";
    client
        .query_typed(
            sql,
            &[
                (&actor, Type::TEXT),
                (&action, Type::TEXT),
                (&subject, Type::TEXT),
                (&details, Type::JSONB),
                (&request::id(), Type::TEXT),
            ],
        )
        .await?;
    Ok(())
}

/// The newest first, a line each.
pub async fn lines(client: &impl GenericClient, limit: i64) -> Result<Vec<String>, Failure> {
    let sql = "select to_char(at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') || '  ' || actor || '  ' || action || '  ' || subject \
               || coalesce('  ' || details::text, '') from audit order by id desc limit $1";
    let rows = client.query_typed(sql, &[(&limit, Type::INT8)]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
