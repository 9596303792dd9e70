//! Dead letters once more: what can be stored by now is, and is no dead letter any longer, in one transaction.

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::json;
use serde_json::value::RawValue;
use tokio_postgres::Client;

use crate::config::Config;
use crate::ingest::prepare::{Bounds, Prepared, prepare};
use crate::store::batches::{self, Context as Batch};
use crate::store::dead_letters::{self, Letter};
use crate::store::failure::Failure;
use crate::store::{partitions, pool};

const ATTEMPTS: usize = 5;

/// How many were stored, and how many are left.
pub async fn replay(client: &mut Client, config: &Config) -> Result<(usize, usize)> {
    let (mut stored, mut left, mut after) = (0, 0, 0);
    while let Some(letter) = dead_letters::next(client, after).await? {
        after = letter.id;
        if one(client, config, &letter).await? { stored += 1 } else { left += 1 }
    }
    Ok((stored, left))
}

async fn one(client: &mut Client, config: &Config, letter: &Letter) -> Result<bool> {
    let bounds = Bounds { now: Timestamp::now(), ahead: config.ahead, retention: config.retention.clone() };
    let text = as_batch(letter)?;
    let Ok(mut prepared) = prepare(&text, letter.collector, &bounds) else { return Ok(false) };
    // Of a whole batch, items that are out of range by now become letters of their own.
    if letter.position.is_some() && !prepared.aside.is_empty() {
        return Ok(false);
    }
    let mut attempt = 0;
    loop {
        attempt += 1;
        match store(client, &mut prepared, letter).await {
            Ok(()) => return Ok(true),
            Err(Failure::Data(_)) => return Ok(false),
            // A push of the same collector was in the way.
            Err(Failure::Again(_)) if attempt < ATTEMPTS => {}
            Err(other) => return Err(other).context("storing a dead letter"),
        }
    }
}

async fn store(client: &mut Client, prepared: &mut Prepared, letter: &Letter) -> Result<(), Failure> {
    let tx = pool::begin(client).await?;
    partitions::ensure(&tx, prepared.pieces.iter().copied()).await?;
    tx.commit().await?;
    let tx = pool::begin(client).await?;
    let context =
        Batch { collector: letter.collector, bytes: letter.body.len(), unsure: Vec::new(), replayed: true };
    // That it is there already is as good: then only the letter has to go.
    batches::store(&tx, prepared, &context).await?;
    dead_letters::remove(&tx, letter).await?;
    tx.commit().await?;
    Ok(())
}

/// A batch is one already; an item gets an envelope, under an id that only this letter has.
fn as_batch(letter: &Letter) -> Result<String> {
    let Some(position) = letter.position else { return Ok(letter.body.clone()) };
    let item = RawValue::from_string(letter.body.clone()).context("reading a dead letter")?;
    let envelope = json!({
        "collector_id": letter.collector,
        "batch_id": format!("{}#{position}", letter.batch_id),
        "timestamp": Timestamp::now().to_string(),
        "metrics_count": 1,
    });
    let mut text = envelope.to_string();
    text.pop();
    Ok(format!("{text},\"metrics\":[{}]}}", item.get()))
}
