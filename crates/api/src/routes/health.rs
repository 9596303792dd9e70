//! Whether this program is well, and which one it is.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::{App, Shared};
use crate::openapi::{Answer, Operation};
use crate::store::watch;

/// Longer than this a database that is well does not take for nothing.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Serialize, JsonSchema)]
pub struct Health {
    status: Status,
    /// Seconds since it started.
    uptime: u64,
    version: &'static str,
    checks: Checks,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Healthy,
    Degraded,
}

#[derive(Serialize, JsonSchema)]
struct Checks {
    database: Check,
    cache: Check,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Check {
    Healthy,
    Unhealthy,
}

#[derive(Serialize, JsonSchema)]
pub struct Version {
    version: &'static str,
    api_version: &'static str,
}

pub const HEALTH: Operation = Operation {
    about: "Whether the backend and its database are well",
    answers: &[
        Answer::json::<Health>(200, "they are"),
        Answer::json::<Health>(503, "the database is away, or has no schema yet"),
    ],
    ..Operation::ANY
};

pub async fn health(State(app): State<Shared>) -> (StatusCode, Json<Health>) {
    let database = database(&app).await;
    let (code, status) = if database {
        (StatusCode::OK, Status::Healthy)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Status::Degraded)
    };
    let check = |well| if well { Check::Healthy } else { Check::Unhealthy };
    let checks = Checks { database: check(database), cache: check(app.caches.works()) };
    let uptime = app.started.elapsed().as_secs();
    (code, Json(Health { status, uptime, version: env!("CARGO_PKG_VERSION"), checks }))
}

/// Past the breaker: health is asked to learn how it is now.
async fn database(app: &App) -> bool {
    let asked = app.db.with(PATIENCE, async |client| watch::answers(client).await);
    app.ready.load(Ordering::Relaxed)
        && tokio::time::timeout(PATIENCE, asked).await.is_ok_and(|answer| answer.is_ok())
}

pub const ALIVE: Operation = Operation {
    about: "The process answers: for probes, and never limited",
    answers: &[Answer::text("text/plain; charset=utf-8", "`ok`")],
    ..Operation::ANY
};

pub async fn alive() -> &'static str {
    "ok\n"
}

pub const VERSION: Operation = Operation {
    about: "Which backend this is",
    answers: &[Answer::json::<Version>(200, "its version, and that of the API")],
    ..Operation::ANY
};

pub async fn version() -> Json<Version> {
    Json(Version { version: env!("CARGO_PKG_VERSION"), api_version: "v1" })
}
