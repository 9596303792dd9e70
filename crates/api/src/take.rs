//! Takes a prepared batch into the store: partitions first, then one transaction, repeated where others were in the way.
//!
//! A batch whose rows the database itself refuses becomes a dead letter, whole: it would be refused for ever, and it is
//! ours to mend, not the collector's.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tokio_postgres::Client;
use uuid::Uuid;
use wire::{Refused, Want};

use crate::app::Shared;
use crate::ingest::body::Held;
use crate::ingest::prepare::Prepared;
use crate::problem::Problem;
use crate::store::batches::{self, Context};
use crate::store::dead_letters;
use crate::store::failure::{Failure, told};
use crate::store::pool;
use crate::store::texts::Statement;

const ATTEMPTS: usize = 5;
/// After this long there is no other attempt: the collector would not wait for it.
const PATIENCE: Duration = Duration::from_secs(8);
/// The most texts that one answer asks for.
const WANTS: usize = 100;

/// A batch as it came, with the memory that it may take.
pub struct Text {
    text: String,
    _held: Held,
}

impl Text {
    pub fn new(text: String, held: Held) -> Text {
        Text { text, _held: held }
    }
}

#[derive(Debug, Default)]
pub struct Taken {
    pub duplicate: bool,
    pub items: usize,
    pub records: usize,
    pub refused: Vec<Refused>,
    pub wants: Vec<Want>,
    pub config_version: Option<i64>,
}

/// What came of a batch that was not there before.
struct Stored {
    /// Statements that lack a text.
    lacking: Vec<Statement>,
    config_version: Option<i64>,
}

pub async fn take(
    app: Shared,
    collector: Uuid,
    mut prepared: Prepared,
    text: Text,
    bytes: usize,
) -> Result<Taken, Problem> {
    let started = Instant::now();
    let stored = app.learn(repeat(&app, collector, &mut prepared, bytes).await);
    let (lacking, config_version) = match stored {
        Ok(Some(Stored { lacking, config_version })) => (lacking, config_version),
        Ok(None) => return Ok(Taken { duplicate: true, ..Taken::default() }),
        Err(Failure::Data(e)) => return bury(&app, collector, &prepared, &text.text, &e).await,
        Err(other) => return Err(other.into()),
    };
    app.figures.records.inc_by(prepared.records as u64);
    let ms = started.elapsed().as_secs_f64() * 1e3;
    tracing::info!(collector = %collector, "Batch inserted: records={} ms={ms:.1}", prepared.records);
    let wants = lacking.into_iter().take(WANTS);
    Ok(Taken {
        duplicate: false,
        items: prepared.items,
        records: prepared.records,
        refused: prepared.aside.into_iter().map(|aside| aside.refused).collect(),
        config_version,
        wants: wants.map(|(server, hash)| Want { server, queryid: hash.to_string() }).collect(),
    })
}

/// `None`: it was there before.
async fn repeat(
    app: &Shared,
    collector: Uuid,
    prepared: &mut Prepared,
    bytes: usize,
) -> Result<Option<Stored>, Failure> {
    let (started, mut attempt) = (Instant::now(), 0);
    loop {
        attempt += 1;
        let result = once(app, collector, prepared, bytes).await;
        if attempt == ATTEMPTS || started.elapsed() > PATIENCE {
            return result;
        }
        match result {
            Err(Failure::Again(e)) => tracing::info!("once more, as another was in the way: {}", told(&e)),
            Err(Failure::NoPartition(e)) => {
                tracing::warn!("once more, a partition is gone: {}", told(&e));
                app.pieces.forget();
            }
            result => return result,
        }
    }
}

async fn once(
    app: &Shared,
    collector: Uuid,
    prepared: &mut Prepared,
    bytes: usize,
) -> Result<Option<Stored>, Failure> {
    app.pieces.ensure(&app.db, &prepared.pieces).await?;
    app.db.with(pool::LONG, async |client| store(app, client, collector, prepared, bytes).await).await
}

async fn store(
    app: &Shared,
    client: &mut Client,
    collector: Uuid,
    prepared: &mut Prepared,
    bytes: usize,
) -> Result<Option<Stored>, Failure> {
    // What is remembered has to be of the database that this very connection leads to.
    let generation = app.db.generation();
    app.caches.as_of(generation);
    // Those that come with their text too: it may be an old one that has to be marked as seen.
    let unsure = app.caches.without_text(collector, prepared.statements.keys(), &app.figures);
    let context = Context { collector, bytes, unsure: unsure.iter().collect(), replayed: false };
    let tx = pool::begin(client).await?;
    let stored = batches::store(&tx, prepared, &context).await?;
    tx.commit().await?;
    let Some(batches::Stored { known, config_version }) = stored else { return Ok(None) };
    let known: HashSet<Statement> = known.into_iter().collect();
    let lacking = unsure.iter().filter(|statement| !known.contains(*statement)).cloned().collect();
    if app.db.generation() == generation {
        app.caches.remember_texts(collector, known);
    }
    Ok(Some(Stored { lacking, config_version }))
}

async fn bury(
    app: &Shared,
    collector: Uuid,
    prepared: &Prepared,
    text: &str,
    why: &tokio_postgres::Error,
) -> Result<Taken, Problem> {
    let reason =
        why.code().map_or("the database refuses it".to_owned(), |code| format!("SQLSTATE {}", code.code()));
    tracing::error!(collector = %collector, batch = %prepared.batch_id, "a batch becomes a dead letter: {}", told(why));
    let kept = app.db.with(pool::LONG, async |client| {
        dead_letters::keep_batch(client, collector, &prepared.batch_id, &reason, text).await
    });
    app.learn(kept.await)?;
    let refused = Refused {
        index: 0,
        kind: String::new(),
        field: "metrics".to_owned(),
        reason: "the batch is kept aside, whole".to_owned(),
    };
    Ok(Taken { refused: vec![refused], ..Taken::default() })
}
