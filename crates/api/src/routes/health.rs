//! Whether this program is well, and which one it is.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::app::{App, Shared};
use crate::store::watch;

/// Longer than this a database that is well does not take for nothing.
const PATIENCE: Duration = Duration::from_secs(2);

pub async fn health(State(app): State<Shared>) -> (StatusCode, Json<Value>) {
    let database = database(&app).await;
    let (status, word) =
        if database { (StatusCode::OK, "healthy") } else { (StatusCode::SERVICE_UNAVAILABLE, "degraded") };
    let health = |well| if well { "healthy" } else { "unhealthy" };
    let body = json!({
        "status": word,
        "uptime": app.started.elapsed().as_secs(),
        "version": env!("CARGO_PKG_VERSION"),
        "checks": { "database": health(database), "cache": health(app.caches.works()) },
    });
    (status, Json(body))
}

/// Past the breaker: health is asked to learn how it is now.
async fn database(app: &App) -> bool {
    let asked = app.db.with(PATIENCE, async |client| watch::answers(client).await);
    app.ready.load(Ordering::Relaxed)
        && tokio::time::timeout(PATIENCE, asked).await.is_ok_and(|answer| answer.is_ok())
}

/// The process answers: for probes.
pub async fn alive() -> &'static str {
    "ok\n"
}

pub async fn version() -> Json<Value> {
    Json(json!({ "version": env!("CARGO_PKG_VERSION"), "api_version": "v1" }))
}
