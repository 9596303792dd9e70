//! Beside the requests: the schema at the start, then partitions and what is old, every few minutes, on a connection of
//! its own. Replicas take turns.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;

use crate::app::{App, Shared};
use crate::store::{migrate, partitions, pool};

const EVERY: Duration = Duration::from_secs(600);
/// While the database cannot be reached.
const AGAIN: Duration = Duration::from_secs(2);

/// Returns only with what no waiting would mend.
pub async fn run(app: Shared) -> Result<()> {
    loop {
        match pool::single(&app.config.direct).await {
            Ok(mut client) => {
                let (applied, version) =
                    migrate::migrate(&mut client).await.context("bringing the schema up to date")?;
                tracing::info!("the schema is at version {version}, {applied} migrations applied now");
                break;
            }
            Err(e) => {
                tracing::warn!("waiting for the database: {e:#}");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
    loop {
        if let Err(e) = round(&app).await {
            tracing::warn!("upkeep failed, the next round tries again: {e:#}");
        }
        app.ready.store(true, Ordering::Relaxed);
        tokio::time::sleep(EVERY).await;
    }
}

async fn round(app: &App) -> Result<()> {
    let mut client = pool::single(&app.config.direct).await?;
    let config = &app.config;
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
