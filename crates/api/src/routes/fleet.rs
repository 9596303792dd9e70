//! All collectors and the servers that they watch, and what of them needs attention: one answer for an overview.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::app::Shared;
use crate::attention::{self, Finding, Kind, State as Fares};
use crate::openapi::{Answer, Operation, Who};
use crate::permission::{Action, ReadMetrics};
use crate::principal::PersonMay;
use crate::problem::Problem;
use crate::store::failure::Failure;
use crate::store::places::{self, Place};
use crate::store::signs;
use crate::store::watch::{self, Watched};
use crate::store::{items, pool};

/// Findings that are told, the worst of them.
const SHOWN: usize = 300;

#[derive(Serialize, JsonSchema)]
pub struct Fleet {
    #[schemars(extend("format" = "date-time"))]
    at: String,
    collectors: Vec<Standing>,
    servers: Vec<Server>,
    /// The worst first.
    findings: Vec<Finding>,
    /// All there are; those beyond 300 are not told.
    findings_total: usize,
}

#[derive(Serialize, JsonSchema)]
pub struct Standing {
    id: Uuid,
    name: String,
    hostname: String,
    version: Option<String>,
    state: Fares,
    /// Seconds since its last push.
    silent_s: Option<f64>,
    interval_s: Option<f64>,
    /// How long its last cycle took.
    cycle_ms: Option<f64>,
    /// Batches that it could not deliver yet.
    spool_batches: Option<f64>,
}

#[derive(Serialize, JsonSchema)]
pub struct Server {
    collector_id: Uuid,
    server: String,
    /// Seconds since it last told of itself.
    told_s: Option<f64>,
    sessions: Option<f64>,
    active: Option<f64>,
    max_connections: Option<f64>,
    /// Of the last quarter of an hour, like the next two.
    transactions_per_s: Option<f64>,
    cache_hit_percent: Option<f64>,
    log_errors: Option<f64>,
}

impl Standing {
    pub fn of(watched: Watched, findings: &[Finding]) -> Standing {
        let failing = findings.iter().any(|f| f.kind == Kind::Failing && f.collector_id == watched.id);
        Standing {
            state: attention::state(&watched, failing),
            id: watched.id,
            name: watched.name,
            hostname: watched.hostname,
            version: watched.version,
            silent_s: watched.last_seen_age_s,
            interval_s: watched.interval_s,
            cycle_ms: watched.cycle_ms,
            spool_batches: watched.spool_batches,
        }
    }
}

impl From<Place> for Server {
    fn from(place: Place) -> Server {
        Server {
            collector_id: place.collector,
            server: place.server,
            told_s: place.told_s,
            sessions: place.sessions,
            active: place.active,
            max_connections: place.max_connections,
            transactions_per_s: place.transactions,
            cache_hit_percent: place.hit,
            log_errors: place.errors,
        }
    }
}

pub const FLEET: Operation = Operation {
    about: "All collectors, their servers, and what needs attention",
    more: "What the page shows first. A finding is a figure beyond a bound in what came last; of what is older than a quarter of \
           an hour, or five intervals, only that it is silent is told.",
    who: Who::Person(Action::ReadMetrics),
    answers: &[Answer::json::<Fleet>(200, "the fleet")],
    ..Operation::ANY
};

pub async fn fleet(State(app): State<Shared>, _: PersonMay<ReadMetrics>) -> Result<Json<Fleet>, Problem> {
    let told = app.db.with(pool::LONG, async |client| {
        let tx = items::begin(client).await?;
        let all = watch::collectors(&tx).await?;
        let places = places::places(&tx, None).await?;
        let findings = findings(&tx, &all, None).await?;
        Ok((all, places, findings))
    });
    let (all, places, mut findings) = app.learn(told.await)?;
    let findings_total = findings.len();
    let collectors = all.into_iter().map(|watched| Standing::of(watched, &findings)).collect();
    findings.truncate(SHOWN);
    Ok(Json(Fleet {
        at: Timestamp::now().to_string(),
        collectors,
        servers: places.into_iter().map(Server::from).collect(),
        findings,
        findings_total,
    }))
}

/// Of these collectors, who are all or the one.
pub async fn findings(
    client: &impl GenericClient,
    watched: &[Watched],
    one: Option<Uuid>,
) -> Result<Vec<Finding>, Failure> {
    let mut found: Vec<Finding> = watched.iter().flat_map(attention::of_collector).collect();
    for rule in attention::RULES {
        let signs = signs::signs(client, &rule.asked, one, rule.warning).await?;
        found.extend(rule.findings(signs));
    }
    Ok(attention::ranked(found))
}
