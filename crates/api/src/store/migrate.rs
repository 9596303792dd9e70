//! Brings the schema up to date: every migration once, in order, whoever else tries at the same time.
//!
//! All of it is one transaction under a transaction's advisory lock: it works past a pooler, a second replica waits and
//! then finds nothing to do, and a failure leaves what was there. A migration that was applied must not change: its
//! digest is kept.

use anyhow::{Context, Result, bail, ensure};
use tokio_postgres::Client;

use super::pool;
use crate::digest::sha256;

struct Migration {
    version: i32,
    name: &'static str,
    sql: &'static str,
}

macro_rules! migration {
    ($version:literal, $name:literal) => {
        Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!("../../migrations/", $name, ".sql")),
        }
    };
}

const ALL: &[Migration] = &[
    migration!(1, "0001_collectors"),
    migration!(2, "0002_ingest"),
    migration!(3, "0003_families"),
    migration!(4, "0004_people"),
    migration!(5, "0005_rates"),
    migration!(6, "0006_exclusion"),
];

/// Any number will do, as long as nobody else takes it: "pga" and a version of this scheme.
pub const LOCK: i64 = 0x0070_6761_0001;

/// How many were applied now, and the newest version there is.
pub async fn migrate(client: &mut Client) -> Result<(usize, i32)> {
    let tx = pool::begin(client).await.context("beginning the migration")?;
    tx.batch_execute(&format!(
        "set local lock_timeout = '60s'; set local statement_timeout = '10min'; set local search_path = public; \
         select pg_catalog.pg_advisory_xact_lock({LOCK})"
    ))
    .await
    .context("waiting for another migration to end")?;
    suited(&tx).await?;
    tx.batch_execute(
        "create table if not exists schema_migrations (
             version integer primary key, name text not null, digest text not null, applied_at timestamptz not null default now())",
    )
    .await
    .context("looking for what was applied before")?;
    let rows = tx.query_typed("select version, digest from schema_migrations", &[]).await?;
    let known: Vec<(i32, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let newest = ALL.last().map_or(0, |migration| migration.version);
    if let Some((version, _)) = known.iter().find(|(version, _)| *version > newest) {
        bail!(
            "the database has migration {version}, which is newer than this program ({newest}): run a newer one"
        );
    }
    let mut applied = 0;
    for migration in ALL {
        let digest = sha256([migration.sql]);
        if let Some((_, before)) = known.iter().find(|(version, _)| *version == migration.version) {
            ensure!(*before == digest, "migration {} is not the one that was applied", migration.name);
            continue;
        }
        tx.batch_execute(migration.sql)
            .await
            .with_context(|| format!("applying migration {}", migration.name))?;
        tx.query_typed(
            "insert into schema_migrations (version, name, digest) values ($1::int4, $2::text, $3::text)",
            &[
                (&migration.version, tokio_postgres::types::Type::INT4),
                (&migration.name, tokio_postgres::types::Type::TEXT),
                (&digest, tokio_postgres::types::Type::TEXT),
            ],
        )
        .await?;
        applied += 1;
    }
    tx.commit().await.context("committing the migration")?;
    Ok((applied, newest))
}

/// Text of every language has to fit, and partitions need 13.
async fn suited(tx: &tokio_postgres::Transaction<'_>) -> Result<()> {
    let row = tx
        .query_typed(
            "select pg_catalog.current_setting('server_version_num')::int4, pg_catalog.current_setting('server_encoding')",
            &[],
        )
        .await?;
    let (version, encoding): (i32, String) =
        row.first().map(|row| (row.get(0), row.get(1))).context("no answer")?;
    ensure!(version >= 130_000, "the database server is older than PostgreSQL 13");
    ensure!(
        encoding == "UTF8",
        "the database's encoding is {encoding}, it has to be UTF8: create another database"
    );
    Ok(())
}
