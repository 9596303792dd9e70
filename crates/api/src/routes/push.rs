//! A batch arrives: inflate, prepare, store, acknowledge.
//!
//! Everything that can be refused is, before the database is touched. What has begun to be stored is stored to its end,
//! even if nobody waits for the answer any more: the collector comes again, and learns that it is there.

use std::time::Instant;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::Timestamp;
use tracing::Instrument;
use wire::{Batch, PushReply};

use crate::app::{App, BODY_WITHIN, Shared};
use crate::ingest::Fault;
use crate::ingest::body::{Encoding, Refusal, inflate};
use crate::ingest::prepare::{Bounds, Prepared, prepare_within};
use crate::openapi::{Answer, Operation, Takes, Who};
use crate::permission::Action;
use crate::principal::Collector;
use crate::problem::Problem;
use crate::take::{self, Taken};

/// A collector asks for its configuration this often.
const NEXT_CHECK_S: u64 = 300;

/// As small as a batch can be, of this collector or of any that has no id yet.
const EXAMPLE: &str = r#"{
  "schema": 1, "batch_id": "0199a3a0-6f2e-7c41-b7a4-5c1d2e3f4a5b", "sequence": 1, "collector_id": "db1",
  "hostname": "db1.example", "version": "3.3.0", "interval_s": 60,
  "timestamp": "2026-11-26T10:11:44Z", "started_at": "2026-11-26T10:11:44Z",
  "metrics": [
    { "type": "pg_wal", "timestamp": "2026-11-26T10:11:44Z", "server": "main", "outcome": "ok", "took_ms": 0.8, "wal_records": 5 }
  ],
  "metrics_count": 1, "outcomes": { "ok": 1, "partial": 0, "skipped": 0, "failed": 0 }
}
"#;

pub const PUSH: Operation = Operation {
    about: "Stores one batch: in whole, or not at all",
    more: "The answer's `batch_id` is the acknowledgement; the same batch twice is stored once, and answered 200. \
           Items dated ahead of the clock, or older than what is kept, are named in `refused` and kept aside. \
           An item's other fields are those of its type. \
           Collectors of earlier releases send neither `schema` nor `batch_id`.",
    who: Who::May(Action::PushMetrics),
    headers: &[("Content-Encoding", "`identity`, `gzip` or `zstd`")],
    body: Some(Takes::json::<Batch>(EXAMPLE).in_file("batch.json")),
    answers: &[Answer::json::<PushReply>(200, "it is stored")],
    refusals: &[415],
    ..Operation::ANY
};

pub async fn push(
    State(app): State<Shared>,
    me: Result<Collector, Problem>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PushReply>, Problem> {
    let answer = match me {
        Ok(me) => answer(&app, me, &headers, body).await,
        Err(refused) => Err(refused),
    };
    match &answer {
        Ok(_) => app.figures.pushes.inc(),
        Err(_) => app.figures.push_failures.inc(),
    };
    answer.map(Json)
}

async fn answer(app: &Shared, me: Collector, headers: &HeaderMap, body: Body) -> Result<PushReply, Problem> {
    let encoding = encoding(headers)?;
    let body = read(app, headers, body).await?;
    let started = Instant::now();
    let bytes = body.len();
    let (prepared, text) = prepare_aside(app, me, encoding, body).await?;
    let batch_id = prepared.batch_id.clone();
    // Not cancelled with the request.
    let storing = take::take(app.clone(), me.id(), prepared, text, bytes).in_current_span();
    let storing = tokio::spawn(storing);
    let taken = storing.await.map_err(|_| Problem::Broken)??;
    let took = started.elapsed();
    app.figures.ingest.observe(took.as_secs_f64());
    Ok(reply(me, batch_id, bytes, taken, took.as_secs_f64() * 1e3))
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let text = |name| headers.get(name).map_or(Ok(""), |value| value.to_str());
    let kind = text(CONTENT_TYPE).unwrap_or_default();
    if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Problem::WrongType("the content type must be application/json"));
    }
    let coding = text(CONTENT_ENCODING).unwrap_or("?");
    Encoding::of(coding).ok_or(Problem::WrongType("the content encoding must be identity, gzip or zstd"))
}

async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let cap = app.config.max_body_bytes;
    let too_large = || Problem::TooLarge(format!("a push has {cap} bytes at most"));
    let told = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|told| told > cap as u64) {
        return Err(too_large());
    }
    let whole = tokio::time::timeout(BODY_WITHIN, Limited::new(body, cap).collect()).await;
    match whole.map_err(|_| Problem::Slow)? {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(e) if e.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Problem::Slow),
    }
}

/// On a thread where it may take its time.
async fn prepare_aside(
    app: &Shared,
    me: Collector,
    encoding: Encoding,
    body: Bytes,
) -> Result<(Prepared, take::Text), Problem> {
    let app = app.clone();
    let work = move || {
        let cap = app.config.max_batch_bytes;
        let (text, mut held) = inflate(&body, encoding, cap, &app.room).map_err(|why| problem(why, cap))?;
        let bounds = Bounds {
            now: Timestamp::now(),
            ahead: app.config.ahead,
            retention: app.config.retention.clone(),
        };
        // Rows are as long as their text, or shorter, unless somebody saw to it that they are not.
        let mut refusal = None;
        let mut grow = |rows: usize| {
            let room = if rows > 2 * cap {
                Err(Refusal::TooLarge)
            } else {
                app.room.cover(&mut held, text.len() + rows)
            };
            refusal = room.err();
            refusal.is_none()
        };
        let prepared = prepare_within(&text, me.id(), &bounds, &mut grow);
        let prepared = prepared.map_err(|fault| match refusal {
            Some(why) => problem(why, cap),
            None => fault.into(),
        })?;
        Ok((prepared, take::Text::new(text, held)))
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Problem::Broken)?
}

fn problem(refusal: Refusal, cap: usize) -> Problem {
    match refusal {
        Refusal::TooLarge => Problem::TooLarge(format!("a batch has {cap} bytes at most, inflated")),
        Refusal::NoRoom => Problem::Away("too much is being pushed at this moment"),
        Refusal::Damaged(why) => Problem::Invalid(Fault::new("", format!("the body is damaged: {why}"))),
    }
}

fn reply(me: Collector, batch_id: String, bytes: usize, taken: Taken, processing_time_ms: f64) -> PushReply {
    PushReply {
        status: "success".to_owned(),
        collector_id: me.id().to_string(),
        batch_id: Some(batch_id),
        metrics_inserted: taken.items as u64,
        records_inserted: taken.records as u64,
        refused: taken.refused,
        duplicate: taken.duplicate,
        bytes_received: bytes as u64,
        processing_time_ms: (processing_time_ms * 1e3).round() / 1e3,
        next_config_version: taken.config_version.and_then(|version| u64::try_from(version).ok()),
        next_check_in_seconds: NEXT_CHECK_S,
        want_texts: taken.wants,
    }
}
