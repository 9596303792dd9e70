//! Collectors as people see them: who they are, and whether they still report.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::app::Shared;
use crate::openapi::{Answer, Operation, Who};
use crate::permission::{Action, DeleteCollector, ReadCollectors};
use crate::principal::{May, PersonMay};
use crate::problem::Problem;
use crate::request::Named;
use crate::store::pool;
use crate::store::watch::{self, Watched};
use crate::store::{audit, collectors};

#[derive(Serialize, JsonSchema)]
pub struct Collectors {
    collectors: Vec<Shown>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Collector")]
pub struct Shown {
    id: Uuid,
    name: String,
    hostname: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    registered_at: String,
    /// When its last push came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    last_seen: Option<String>,
    /// By its last push and its interval.
    health: Health,
    /// How long its last cycle took.
    #[serde(skip_serializing_if = "Option::is_none")]
    cycle_ms: Option<f64>,
    /// Batches that it could not deliver yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    spool_batches: Option<f64>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Health {
    #[serde(rename = "never seen")]
    NeverSeen,
    Healthy,
    Late,
    Down,
}

/// By what it promised: a batch each interval.
fn health(watched: &Watched) -> Health {
    let interval = watched.interval_s.unwrap_or(60.0).max(1.0);
    match watched.last_seen_age_s {
        None => Health::NeverSeen,
        Some(age) if age <= 2.5 * interval => Health::Healthy,
        Some(age) if age <= 10.0 * interval => Health::Late,
        Some(_) => Health::Down,
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

pub const LIST: Operation = Operation {
    about: "All collectors: who they are, and whether they still report",
    who: Who::May(Action::ReadCollectors),
    answers: &[Answer::json::<Collectors>(200, "by name")],
    ..Operation::ANY
};

pub async fn list(State(app): State<Shared>, _: May<ReadCollectors>) -> Result<Json<Collectors>, Problem> {
    let all = app.db.with(pool::SHORT, async |client| watch::collectors(client).await);
    let all = app.learn(all.await)?;
    Ok(Json(Collectors { collectors: all.into_iter().map(Shown::from).collect() }))
}

pub const SHOW: Operation = Operation {
    about: "One collector",
    who: Who::May(Action::ReadCollectors),
    answers: &[Answer::json::<Shown>(200, "the collector")],
    ..Operation::ANY
};

pub async fn show(
    State(app): State<Shared>,
    _: May<ReadCollectors>,
    Named(id): Named,
) -> Result<Json<Shown>, Problem> {
    let found = app.db.with(pool::SHORT, async |client| watch::collector(client, id).await);
    app.learn(found.await)?.map(|watched| Json(watched.into())).ok_or(Problem::NotFound)
}

pub const REMOVE: Operation = Operation {
    about: "Forgets a collector",
    more: "Its tokens end with it. What it collected stays until its time is over.",
    who: Who::Person(Action::DeleteCollector),
    answers: &[Answer::nothing(204, "it is gone")],
    ..Operation::ANY
};

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
