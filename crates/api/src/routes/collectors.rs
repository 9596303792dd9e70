//! Collectors as people see them: who they are, and whether they still report.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use uuid::Uuid;

use crate::app::Shared;
use crate::permission::{DeleteCollector, ReadCollectors};
use crate::principal::{May, PersonMay};
use crate::problem::Problem;
use crate::request::Named;
use crate::store::pool;
use crate::store::watch::{self, Watched};
use crate::store::{audit, collectors};

#[derive(Serialize)]
pub struct Collectors {
    collectors: Vec<Shown>,
}

#[derive(Serialize)]
pub struct Shown {
    id: Uuid,
    name: String,
    hostname: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    registered_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
    health: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cycle_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spool_batches: Option<f64>,
}

/// By what it promised: a batch each interval.
fn health(watched: &Watched) -> &'static str {
    let interval = watched.interval_s.unwrap_or(60.0).max(1.0);
    match watched.last_seen_age_s {
        None => "never seen",
        Some(age) if age <= 2.5 * interval => "healthy",
        Some(age) if age <= 10.0 * interval => "late",
        Some(_) => "down",
    }
}

impl From<Watched> for Shown {
    fn from(watched: Watched) -> Shown {
        Shown {
            health: health(&watched),
            id: watched.id,
            name: watched.name,
            hostname: watched.hostname,
            address: watched.address,
            version: watched.version,
            registered_at: watched.registered_at.to_string(),
            last_seen: watched.last_seen.map(|at| at.to_string()),
            cycle_ms: watched.cycle_ms,
            spool_batches: watched.spool_batches,
        }
    }
}

pub async fn list(State(app): State<Shared>, _: May<ReadCollectors>) -> Result<Json<Collectors>, Problem> {
    let all = app.db.with(pool::SHORT, async |client| watch::collectors(client).await);
    let all = app.learn(all.await)?;
    Ok(Json(Collectors { collectors: all.into_iter().map(Shown::from).collect() }))
}

pub async fn show(
    State(app): State<Shared>,
    _: May<ReadCollectors>,
    Named(id): Named,
) -> Result<Json<Shown>, Problem> {
    let found = app.db.with(pool::SHORT, async |client| watch::collector(client, id).await);
    app.learn(found.await)?.map(|watched| Json(watched.into())).ok_or(Problem::NotFound)
}

/// Its tokens end with it. What it collected stays until its time is over.
pub async fn remove(
    State(app): State<Shared>,
    me: PersonMay<DeleteCollector>,
    Named(id): Named,
) -> Result<StatusCode, Problem> {
    let removed = app.db.with(pool::SHORT, async |client| {
        let tx = pool::begin(client).await?;
        let Some(name) = collectors::delete(&tx, id).await? else { return Ok(false) };
        audit::record(&tx, &me.name(&tx).await?, "delete collector", &name, None).await?;
        tx.commit().await?;
        Ok(true)
    });
    if !app.learn(removed.await)? {
        return Err(Problem::NotFound);
    }
    app.caches.forget(id);
    Ok(StatusCode::NO_CONTENT)
}
