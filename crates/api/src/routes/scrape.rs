//! Figures for Prometheus: this program's, and of each collector what the database knows. For who has the scrape token;
//! without one, for this host alone.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use crate::app::{App, Shared};
use crate::openapi::{Answer, Operation, Who};
use crate::principal::bearer;
use crate::problem::Problem;
use crate::store::failure::Failure;
use crate::store::{fleet, watch};

/// A scrape does not wait for a database that does not answer: the rest is told without it.
const PATIENCE: Duration = Duration::from_secs(3);
/// What proxies add.
const FORWARDED: [&str; 3] = ["x-forwarded-for", "forwarded", "x-real-ip"];
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub const SCRAPE: Operation = Operation {
    about: "Figures for Prometheus",
    who: Who::Scraping,
    answers: &[Answer::text(OPEN_METRICS, "in the OpenMetrics format")],
    refusals: &[401, 500],
    ..Operation::ANY
};

pub async fn scrape(
    State(app): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    parts: Parts,
) -> Result<Response, Problem> {
    allowed(&app, peer, &parts)?;
    app.figures.breaker.set(app.breaker.shown() as i64);
    let (open, used) = app.db.connections();
    app.figures.connections.set(open as i64);
    app.figures.connections_used.set(used as i64);
    let mut text = app.figures.text().map_err(|_| Problem::Broken)?;
    if let Ok(Ok(stored)) = tokio::time::timeout(PATIENCE, stored(&app)).await {
        text += &stored;
    }
    if let Ok(Ok(watched)) = tokio::time::timeout(PATIENCE, watched(&app)).await {
        text += &watched;
    }
    text += "# EOF\n";
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}

fn allowed(app: &App, peer: SocketAddr, parts: &Parts) -> Result<(), Problem> {
    let shown = bearer(parts).unwrap_or_default().as_bytes();
    let right = match &app.scrape {
        Some(token) => bool::from(shown.ct_eq(token.expose_secret().as_bytes())),
        None => false,
    };
    if right || of_this_host(peer, &parts.headers) {
        return Ok(());
    }
    app.figures.auth_failures.inc();
    Err(Problem::Unauthorized("the scrape token is needed from other hosts"))
}

/// A proxy on this host passes on what comes from others, so what one has touched is not this host's own.
fn of_this_host(peer: SocketAddr, headers: &HeaderMap) -> bool {
    peer.ip().to_canonical().is_loopback() && !FORWARDED.iter().any(|name| headers.contains_key(*name))
}

async fn stored(app: &App) -> Result<String, Failure> {
    let asked = app.db.with(PATIENCE, async |client| {
        Ok((watch::dead_letters(client).await?, watch::collectors(client).await?))
    });
    let (dead, collectors) = asked.await?;
    let mut text = String::new();
    gauge(
        &mut text,
        "pganalytics_dlq_size",
        "Items and batches that could not be stored",
        [(String::new(), dead as f64)],
    );
    let label = |c: &watch::Watched| format!("{{collector=\"{}\",name=\"{}\"}}", c.id, escaped(&c.name));
    for (name, help, value) in FIGURES {
        gauge(&mut text, name, help, collectors.iter().filter_map(|c| Some((label(c), value(c)?))));
    }
    Ok(text)
}

/// Of the servers and hosts that collectors watch.
async fn watched(app: &App) -> Result<String, Failure> {
    let asked = app.db.with(PATIENCE, async |client| {
        let mut text = String::new();
        for figure in fleet::FIGURES {
            told(&mut text, figure, &fleet::samples(client, figure).await?);
        }
        Ok(text)
    });
    asked.await
}

fn told(text: &mut String, figure: &fleet::Figure, samples: &[fleet::Sample]) {
    let (kind, suffix) = if figure.counter { ("counter", "_total") } else { ("gauge", "") };
    let name = figure.name;
    let _ = writeln!(text, "# HELP {name} {}.\n# TYPE {name} {kind}", figure.help);
    for sample in samples {
        let labels: String =
            figure.labels.iter().zip(&sample.labels).fold(String::new(), |mut labels, (label, value)| {
                let _ = write!(labels, ",{label}=\"{}\"", escaped(value));
                labels
            });
        let (collector, known) = (&sample.collector, escaped(&sample.name));
        let _ = writeln!(
            text,
            "{name}{suffix}{{collector=\"{collector}\",name=\"{known}\"{labels}}} {}",
            sample.value
        );
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

type Figure = fn(&watch::Watched) -> Option<f64>;

const FIGURES: &[(&str, &str, Figure)] = &[
    ("pganalytics_collector_last_seen_age_seconds", "Since a collector's last push", |c| c.last_seen_age_s),
    ("pganalytics_collector_interval_seconds", "What it promises between two pushes", |c| c.interval_s),
    ("pganalytics_collector_cycle_ms", "How long its last cycle took", |c| c.cycle_ms),
    ("pganalytics_collector_spool_batches", "Batches that it could not deliver yet", |c| c.spool_batches),
    ("pganalytics_collector_spool_bytes", "Bytes of those batches", |c| c.spool_bytes),
    ("pganalytics_collector_spool_oldest_seconds", "Age of the oldest of them", |c| c.spool_oldest_s),
];

fn gauge(text: &mut String, name: &str, help: &str, values: impl IntoIterator<Item = (String, f64)>) {
    let _ = writeln!(text, "# HELP {name} {help}.\n# TYPE {name} gauge");
    for (labels, value) in values {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}
