//! A batch into the database: one transaction, so that it is there in whole or not at all.
//!
//! Crash argument: the batch's id goes in first and its rows with it, under one commit. A push that was cut off at any
//! point, repeated, finds either no id and stores all of it, or the id and stores nothing. Two pushes of the same batch
//! wait for each other at the id.
//!
//! Everything that several batches may touch is written in the order of its key, so that they wait for one another in a
//! line and not in a circle; should the server see a circle all the same, the whole transaction is repeated.

use std::collections::BTreeMap;
use std::pin::pin;

use bytes::Bytes;
use futures_util::{SinkExt, TryFutureExt};
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::failure::Failure;
use super::{dead_letters, texts};
use crate::copy::{ITEMS, Rows};
use crate::family::FAMILIES;
use crate::ingest::prepare::{METRICS_COLUMNS, Prepared};

const LIMITS: &str = "set local statement_timeout = '15s'; set local lock_timeout = '10s'; \
                      set local idle_in_transaction_session_timeout = '30s'";

/// What there is to say of a batch that was stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Statements among the unsure that turned out to have a text.
    pub known: Vec<texts::Statement>,
    /// The newest configuration that is kept for its collector.
    pub config_version: Option<i64>,
}

/// What a batch needs besides its rows.
pub struct Context<'a> {
    pub collector: Uuid,
    pub bytes: usize,
    /// Statements of which it is not known whether the store has their text.
    pub unsure: Vec<&'a texts::Statement>,
    /// It comes from this store's own dead letters, and says nothing of how its collector fares.
    pub replayed: bool,
}

/// Stores it all, but does not commit. `None`: it was there before.
pub async fn store(
    tx: &Transaction<'_>,
    prepared: &mut Prepared,
    context: &Context<'_>,
) -> Result<Option<Stored>, Failure> {
    let limits = tx.batch_execute(LIMITS).map_err(Failure::from);
    let ((), number) = tokio::try_join!(limits, claim(tx, prepared, context))?;
    let Some(number) = number else { return Ok(None) };
    if prepared.items > 0 {
        copy(tx, &format!("metrics ({METRICS_COLUMNS})"), &mut prepared.metrics, number).await?;
    }
    for (family, rows) in &mut prepared.families {
        let family = &FAMILIES[*family];
        copy(tx, &format!("{} ({})", family.table, family.column_list()), rows, number).await?;
    }
    let came: BTreeMap<_, _> = prepared
        .statements
        .iter()
        .filter_map(|(statement, text)| text.as_deref().map(|text| (statement.clone(), text)))
        .collect();
    // Sent together, done in this order: the first that fails is the cause of what the others say.
    let collector = context.collector;
    let (kept, known, aside, newest, seen) = tokio::join!(
        texts::keep(tx, collector, &came),
        texts::known(tx, collector, &context.unsure),
        dead_letters::keep(tx, collector, &prepared.batch_id, &prepared.aside),
        newest(tx, prepared, collector, number),
        seen(tx, prepared, context),
    );
    kept?;
    let known = known?;
    aside?;
    newest?;
    Ok(Some(Stored { known, config_version: seen? }))
}

/// The batch's number, unless its id is there.
async fn claim(
    tx: &Transaction<'_>,
    prepared: &Prepared,
    context: &Context<'_>,
) -> Result<Option<i64>, Failure> {
    let sql = "insert into batches (collector_id, batch_id, \"timestamp\", sequence, bytes, items, records) \
               values ($1, $2, $3::text::timestamptz, $4, $5, $6, $7) on conflict do nothing returning num";
    let small = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let rows = tx
        .query_typed(
            sql,
            &[
                (&context.collector, Type::UUID),
                (&prepared.batch_id, Type::TEXT),
                (&prepared.timestamp.to_string(), Type::TEXT),
                (&prepared.sequence, Type::INT8),
                (&small(context.bytes), Type::INT4),
                (&small(prepared.items), Type::INT4),
                (&small(prepared.records), Type::INT4),
            ],
        )
        .await?;
    Ok(rows.first().map(|row| row.get(0)))
}

async fn copy(tx: &Transaction<'_>, to: &str, rows: &mut Rows, number: i64) -> Result<(), Failure> {
    let sink = tx.copy_in::<_, Bytes>(&format!("copy {to} from stdin (format binary)")).await?;
    let mut sink = pin!(sink);
    sink.send(rows.numbered(number)).await?;
    sink.finish().await?;
    Ok(())
}

/// Where the newest item of each kind and place is.
async fn newest(
    tx: &Transaction<'_>,
    prepared: &Prepared,
    collector: Uuid,
    number: i64,
) -> Result<(), Failure> {
    let base = number * ITEMS as i64;
    let keys: Vec<_> = prepared.newest.keys().collect();
    let column =
        |pick: fn(&(String, String, String)) -> &str| keys.iter().map(|key| pick(key)).collect::<Vec<_>>();
    let (kinds, servers, databases) = (column(|k| &k.0), column(|k| &k.1), column(|k| &k.2));
    let us: Vec<i64> = prepared.newest.values().map(|newest| newest.timestamp.as_microsecond()).collect();
    let ids: Vec<i64> = prepared.newest.values().map(|newest| base + newest.place as i64).collect();
    let sql = "insert into latest as l (collector_id, type, server, database, \"timestamp\", id) \
               select $1, k, s, d, timestamptz 'epoch' + at * interval '1 microsecond', i \
               from unnest($2, $3, $4, $5, $6) as n (k, s, d, at, i) order by k collate \"C\", s collate \"C\", d collate \"C\" \
               on conflict (collector_id, type, server, database) do update \
               set \"timestamp\" = excluded.\"timestamp\", id = excluded.id where l.\"timestamp\" <= excluded.\"timestamp\" \
               returning 1";
    tx.query_typed(
        sql,
        &[
            (&collector, Type::UUID),
            (&kinds, Type::TEXT_ARRAY),
            (&servers, Type::TEXT_ARRAY),
            (&databases, Type::TEXT_ARRAY),
            (&us, Type::INT8_ARRAY),
            (&ids, Type::INT8_ARRAY),
        ],
    )
    .await?;
    Ok(())
}

/// What the collector said of itself last. A late batch says nothing new, and one from a clock that is ahead no more than
/// one of now: else nothing would be new until that moment has come. The newest configuration there is for it comes back.
async fn seen(
    tx: &Transaction<'_>,
    prepared: &Prepared,
    context: &Context<'_>,
) -> Result<Option<i64>, Failure> {
    if context.replayed {
        return Ok(None);
    }
    let agent = prepared.agent.unwrap_or_default();
    let new = "last_batch_at is null or last_batch_at <= n.at";
    let figure = |column: &str, given: &str| {
        format!("{column} = case when {new} then coalesce({given}, {column}) else {column} end")
    };
    // Of the row itself as it is when its turn has come, not as it was when the statement began.
    let sql = format!(
        "update collectors set last_seen = now(), last_batch_at = greatest(last_batch_at, n.at), {}, {}, {}, {}, {}, {} \
         from (select least($2::text::timestamptz, clock_timestamp()) as at) n where id = $1 returning config_version",
        figure("version", "$3"),
        figure("cycle_ms", "$4"),
        figure("spool_batches", "$5"),
        figure("spool_bytes", "$6"),
        figure("spool_oldest_s", "$7"),
        figure("interval_s", "$8"),
    );
    let rows = tx
        .query_typed(
            &sql,
            &[
                (&context.collector, Type::UUID),
                (&prepared.timestamp.to_string(), Type::TEXT),
                (&prepared.version, Type::TEXT),
                (&agent.cycle_ms, Type::FLOAT8),
                (&agent.spool_batches, Type::INT8),
                (&agent.spool_bytes, Type::INT8),
                (&agent.spool_oldest_s, Type::INT8),
                (&prepared.interval_s, Type::INT8),
            ],
        )
        .await?;
    Ok(rows.first().and_then(|row| row.get(0)))
}
