//! Partitions: made before rows need them, dropped when what they hold is old. With TimescaleDB the families' chunks make
//! themselves, and are dropped here all the same.
//!
//! A partition is made beside its table and then attached, which keeps nobody from writing; two replicas that want the
//! same one wait for each other under the migrations' lock. Dropping needs the table alone for a moment: it gives up when
//! that moment does not come, and the next round tries again.

use anyhow::{Context, Result};
use jiff::Timestamp;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, GenericClient, Transaction};

use super::attempts;
use super::failure::Failure;
use super::migrate::LOCK;
use super::pool;
use crate::retention::{FAMILY, OFTEN, Piece, RARE, RARE_KINDS, Retention, TABLES, Table};

/// Partitions ahead of today: a night's and a weekend's trouble with this program costs nothing.
const AHEAD: i64 = 3;
/// How long a drop waits for each of the two tables that it needs alone, a table and its partition; who writes waits
/// behind it.
const ALONE: &str = "1s";
/// Rows of tables that are not partitioned, which go one by one.
const AT_ONCE: i64 = 5_000;

/// Those of `pieces` that are not there yet are made.
pub async fn ensure(tx: &Transaction<'_>, pieces: impl IntoIterator<Item = Piece>) -> Result<usize, Failure> {
    tx.batch_execute(&format!(
        "set local lock_timeout = '10s'; set local search_path = public; select pg_catalog.pg_advisory_xact_lock({LOCK})"
    ))
    .await?;
    let mut made = 0;
    for piece in pieces {
        let parent = TABLES[piece.table].name;
        if !partitioned(tx, parent).await? || attached(tx, &piece.name()).await? {
            continue;
        }
        let (name, (from, to)) = (piece.name(), piece.range());
        // A table of that name was detached by somebody: rows of its time are here, so it is needed again.
        tx.batch_execute(&format!(
            "create table if not exists {name} (like {parent} including defaults including constraints); \
             alter table {parent} attach partition {name} for values from ('{from}') to ('{to}')"
        ))
        .await?;
        made += 1;
    }
    Ok(made)
}

/// What will be needed soon.
pub fn ahead(now: Timestamp) -> Vec<Piece> {
    let pieces = |table| {
        let first = Piece::of(table, now);
        std::iter::successors(Some(first), |piece| Some(piece.next())).take(1 + AHEAD as usize)
    };
    (0..TABLES.len()).flat_map(pieces).collect()
}

async fn partitioned(client: &impl GenericClient, table: &str) -> Result<bool, Failure> {
    let sql = "select c.relkind = 'p' from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass('public.' || $1)";
    let rows = client.query_typed(sql, &[(&table, Type::TEXT)]).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

async fn attached(client: &impl GenericClient, table: &str) -> Result<bool, Failure> {
    let sql = "select from pg_catalog.pg_inherits where inhrelid = pg_catalog.to_regclass('public.' || $1)";
    Ok(!client.query_typed(sql, &[(&table, Type::TEXT)]).await?.is_empty())
}

/// One round of upkeep. `None`: another replica is at it.
pub async fn upkeep(
    client: &mut Client,
    retention: &Retention,
    dead_letter_days: i64,
    now: Timestamp,
) -> Result<Option<Round>> {
    let tx = pool::begin(client).await?;
    let mine = tx
        .query_typed("select pg_catalog.pg_try_advisory_xact_lock($1)", &[(&(LOCK + 1), Type::INT8)])
        .await?;
    if !mine.first().is_some_and(|row| row.get(0)) {
        return Ok(None);
    }
    let made = ensure(&tx, ahead(now)).await.context("making partitions")?;
    tx.commit().await.context("making partitions")?;
    let mut round = Round { made, ..Round::default() };
    for (table, Table { name, .. }) in TABLES.iter().enumerate() {
        let since = retention.since(table, now);
        if table >= FAMILY && !partitioned(client, name).await? {
            match drop_chunks(client, name, since).await {
                Ok(dropped) => round.dropped += dropped,
                Err(Failure::Again(_)) => round.postponed += 1,
                Err(e) => return Err(e).with_context(|| format!("dropping chunks of {name}")),
            }
            continue;
        }
        let old = old(client, table, since).await?;
        for (at, piece) in old.iter().enumerate() {
            match drop_piece(client, *piece).await {
                Ok(()) => round.dropped += 1,
                // Who holds one of them up holds up all, and each try is a moment in which nobody writes.
                Err(Failure::Again(_)) => {
                    round.postponed += old.len() - at;
                    break;
                }
                Err(e) => return Err(e).with_context(|| format!("dropping {}", piece.name())),
            }
        }
    }
    round.forgotten = forget(client, retention, dead_letter_days).await.context("forgetting what is old")?;
    Ok(Some(round))
}

/// What a round did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Round {
    pub made: usize,
    pub dropped: usize,
    /// Partitions that somebody reads: the next round tries again.
    pub postponed: usize,
    /// Rows of tables that are not partitioned.
    pub forgotten: u64,
}

async fn old(client: &Client, table: usize, since: Timestamp) -> Result<Vec<Piece>> {
    let sql = "select c.relname::text from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid \
               where i.inhparent = pg_catalog.to_regclass('public.' || $1)";
    let rows = client.query_typed(sql, &[(&TABLES[table].name, Type::TEXT)]).await?;
    let pieces = rows.iter().filter_map(|row| Piece::named(table, row.get(0)));
    Ok(pieces.filter(|piece| piece.ends_before(since)).collect())
}

async fn drop_piece(client: &mut Client, piece: Piece) -> Result<(), Failure> {
    let tx = pool::begin(client).await?;
    // Another replica may have been faster.
    let drop = format!("set local lock_timeout = '{ALONE}'; drop table if exists public.{}", piece.name());
    tx.batch_execute(&drop).await?;
    Ok(tx.commit().await?)
}

async fn drop_chunks(client: &mut Client, table: &str, since: Timestamp) -> Result<usize, Failure> {
    let tx = pool::begin(client).await?;
    tx.batch_execute(&format!("set local lock_timeout = '{ALONE}'")).await?;
    let sql =
        "select extnamespace::regnamespace::text from pg_catalog.pg_extension where extname = 'timescaledb'";
    let rows = tx.query_typed(sql, &[]).await?;
    let Some(schema) = rows.first().map(|row| row.get::<_, String>(0)) else { return Ok(0) };
    let sql = format!(
        "select {schema}.drop_chunks(('public.' || $1)::regclass, older_than => $2::text::timestamptz)"
    );
    let dropped =
        tx.query_typed(&sql, &[(&table, Type::TEXT), (&since.to_string(), Type::TEXT)]).await?.len();
    tx.commit().await?;
    Ok(dropped)
}

/// Ids of batches stay as long as anything of them may come again; texts as long as their statements are kept; where the
/// newest item lies as long as items of its type are.
async fn forget(client: &Client, retention: &Retention, dead_letter_days: i64) -> Result<u64> {
    let longest = (0..TABLES.len()).filter(|t| *t != RARE).map(|t| retention.days(t)).max().unwrap_or(30);
    let rare = format!("type in ('{}')", RARE_KINDS.join("', '"));
    let before = |days: i64| format!("< now() - interval '{days} days'");
    let mut forgotten = 0;
    for (table, old) in [
        ("batches", format!("received_at {}", before(longest.max(30)))),
        ("dead_letters", format!("received_at {}", before(dead_letter_days))),
        ("query_texts", format!("seen_on {}", before(retention.days(FAMILY) + 1))),
        ("latest", format!("\"timestamp\" {} and {rare}", before(retention.days(RARE)))),
        ("latest", format!("\"timestamp\" {} and not {rare}", before(retention.days(OFTEN)))),
    ] {
        forgotten += forget_of(client, table, &old).await?;
    }
    attempts::forget(client).await?;
    Ok(forgotten)
}

/// Some at a time, and never waiting for anybody: who pushes waits for these rows.
async fn forget_of(client: &Client, table: &str, old: &str) -> Result<u64> {
    let sql = format!(
        "with old as (select ctid from public.{table} where {old} limit {AT_ONCE} for update skip locked) \
         , gone as (delete from public.{table} t using old where t.ctid = old.ctid returning 1) select count(*) from gone"
    );
    let mut forgotten = 0;
    loop {
        let rows = client.query_typed(&sql, &[]).await?;
        let gone = rows.first().map_or(0, |row| row.get::<_, i64>(0));
        forgotten += gone.unsigned_abs();
        if gone < AT_ONCE {
            return Ok(forgotten);
        }
    }
}
