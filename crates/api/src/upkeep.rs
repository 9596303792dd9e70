//! Beside the requests: the schema at the start, then partitions and what is old, every few minutes, on a connection of
//! its own. Replicas take turns.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;

use crate::app::{App, Shared};
use crate::store::failure::passes;
use crate::store::{migrate, partitions, pool};

const EVERY: Duration = Duration::from_secs(600);
/// While the database cannot be reached.
const AGAIN: Duration = Duration::from_secs(2);

/// Returns only with what no waiting would mend.
pub async fn run(app: Shared) -> Result<()> {
    while let Err(e) = schema(&app).await? {
        tracing::warn!("waiting for the database: {e:#}");
        tokio::time::sleep(AGAIN).await;
    }
    app.ready.store(true, Ordering::Relaxed);
    loop {
        match tokio::time::timeout(EVERY, round(&app)).await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => tracing::warn!("upkeep failed, the next round tries again: {e:#}"),
            Err(_) => tracing::warn!("upkeep got no answer, the next round tries again"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// The inner error is one that passes.
async fn schema(app: &App) -> Result<Result<()>> {
    let mut client = match pool::single(&app.config.direct).await {
        Ok(client) => client,
        Err(e) => return Ok(Err(e)),
    };
    match migrate::migrate(&mut client).await {
        Ok((applied, version)) => {
            tracing::info!("the schema is at version {version}, {applied} migrations applied now");
            Ok(Ok(()))
        }
        Err(e) if passes(&e) => Ok(Err(e)),
        Err(e) => Err(e).context("bringing the schema up to date"),
    }
}

async fn round(app: &App) -> Result<()> {
    let mut client = pool::single(&app.config.direct).await?;
    let config = &app.config;
    // It may have been restored from before a migration.
    migrate::migrate(&mut client).await.context("bringing the schema up to date")?;
    match partitions::upkeep(&mut client, &config.retention, config.dead_letter_days, Timestamp::now())
        .await?
    {
        Some(round) => tracing::info!(
            "upkeep: {} partitions made, {} dropped, {} postponed, {} rows forgotten",
            round.made,
            round.dropped,
            round.postponed,
            round.forgotten
        ),
        None => tracing::debug!("upkeep: another replica is at it"),
    }
    Ok(())
}
