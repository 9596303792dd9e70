//! One server over a span of time: all that a page about it shows, in one answer.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use jiff::{SignedDuration, Timestamp};
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::app::Shared;
use crate::attention::Finding;
use crate::copy::OLDEST;
use crate::ingest::Fault;
use crate::openapi::{Answer, Operation, Who};
use crate::permission::{Action, ReadMetrics};
use crate::principal::PersonMay;
use crate::problem::Problem;
use crate::request::Named;
use crate::routes::fleet::{Standing, findings};
use crate::store::failure::Failure;
use crate::store::view::{self, Line, Scene};
use crate::store::watch;
use crate::store::{items, places, pool};

const MINUTES: i64 = 60;
/// 31 days.
const MOST_MINUTES: i64 = 44_640;
/// A line has about so many points, or all, where these are a few times as many.
const POINTS: f64 = 120.0;

/// All are texts, as a number that is none has to be named.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Asked {
    /// Its name in the collector's configuration; without it the first by name.
    #[schemars(with = "String")]
    server: Option<String>,
    /// How long the span is; 60 where it is missing.
    #[schemars(with = "i64", range(min = 5, max = MOST_MINUTES))]
    minutes: Option<String>,
    /// Where it ends; now, where it is missing.
    #[schemars(with = "String", extend("format" = "date-time"))]
    until: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct View {
    #[schemars(extend("format" = "date-time"))]
    at: String,
    /// Seconds since 1970, like all times of points.
    since: f64,
    until: f64,
    collector: Standing,
    server: Option<String>,
    /// All that this collector watches.
    servers: Vec<String>,
    /// Of this server, its host and its collector; the worst first.
    findings: Vec<Finding>,
    facts: view::Facts,
    plots: Plots,
    statements: Vec<view::Statement>,
    /// From here on: as its newest items have it.
    waits: Vec<view::Wait>,
    transactions: Vec<view::Transaction>,
    standbys: Vec<view::Standby>,
    slots: Vec<view::Slot>,
    wraparound: Vec<view::Wraparound>,
    filesystems: Vec<view::Filesystem>,
    /// Of the span, the newest first.
    log: Vec<view::Entry>,
}

#[derive(Default, Serialize, JsonSchema)]
struct Plots {
    sessions: Plot,
    /// A second.
    transactions: Plot,
    /// Percent.
    cache: Plot,
    /// Percent.
    host: Plot,
    /// Sessions.
    locks: Plot,
    /// Bytes.
    behind: Plot,
    /// Percent.
    disks: Plot,
    /// Entries of the log in each step.
    errors: Plot,
}

#[derive(Default, Serialize, JsonSchema)]
struct Plot {
    /// Between points that are further apart runs are missing: there is no line.
    gap_s: f64,
    lines: Vec<Line>,
}

pub const SERVER: Operation = Operation {
    about: "One server: its course over a span, and how it is now",
    more: "What the page shows of a server that this collector watches. Long spans are read at some moments only; rates lose \
           nothing by it.",
    who: Who::Person(Action::ReadMetrics),
    query: Some(SchemaGenerator::subschema_for::<Asked>),
    answers: &[Answer::json::<View>(200, "the server")],
    ..Operation::ANY
};

pub async fn server(
    State(app): State<Shared>,
    _: PersonMay<ReadMetrics>,
    Named(id): Named,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<View>, Problem> {
    let Query(asked) = asked.map_err(|_| Fault::new("", "the query cannot be read"))?;
    let span = span(&asked)?;
    let named = named(asked.server)?;
    let told = app.db.with(pool::LONG, async |client| {
        let tx = items::begin(client).await?;
        look(&tx, id, named, span).await
    });
    app.learn(told.await)?.map(Json).ok_or(Problem::NotFound)
}

fn named(server: Option<String>) -> Result<Option<String>, Fault> {
    match server {
        Some(name) if name.contains('\0') => Err(Fault::new("server", "holds the character U+0000")),
        other => Ok(other),
    }
}

fn span(asked: &Asked) -> Result<(Timestamp, Timestamp), Fault> {
    let minutes = match asked.minutes.as_deref().map(str::parse) {
        None => MINUTES,
        Some(Ok(minutes @ 5..=MOST_MINUTES)) => minutes,
        Some(_) => {
            return Err(Fault::new("minutes", format!("must be a number from 5 to {MOST_MINUTES}")));
        }
    };
    let until = match asked.until.as_deref().map(str::parse::<Timestamp>) {
        None => Timestamp::now(),
        Some(Ok(until)) => until,
        Some(Err(_)) => return Err(Fault::new("until", "must be a time as in RFC 3339")),
    };
    let length = SignedDuration::from_mins(minutes);
    // What is earlier nobody has, and the server does not read.
    let until = until.max(OLDEST.saturating_add(length).unwrap_or(OLDEST));
    Ok((until.saturating_sub(length).unwrap_or(OLDEST), until))
}

async fn look(
    client: &impl GenericClient,
    id: Uuid,
    named: Option<String>,
    (since, until): (Timestamp, Timestamp),
) -> Result<Option<View>, Failure> {
    let Some(watched) = watch::collector(client, id).await? else { return Ok(None) };
    let places = places::places(client, Some(id)).await?;
    let servers: Vec<String> = places.into_iter().map(|place| place.server).collect();
    let server = named.or_else(|| servers.first().cloned());
    let mut findings = findings(client, std::slice::from_ref(&watched), Some(id)).await?;
    let interval_s = watched.interval_s;
    let collector = Standing::of(watched, &findings);
    findings.retain(|finding| finding.server.is_none() || finding.server == server);
    let mut view = View {
        at: Timestamp::now().to_string(),
        since: since.as_second() as f64,
        until: until.as_second() as f64,
        collector,
        server: server.clone(),
        servers,
        findings,
        facts: view::Facts::default(),
        plots: Plots::default(),
        statements: Vec::new(),
        waits: Vec::new(),
        transactions: Vec::new(),
        standbys: Vec::new(),
        slots: Vec::new(),
        wraparound: Vec::new(),
        filesystems: Vec::new(),
        log: Vec::new(),
    };
    if let Some(server) = server {
        let step_s = (view.until - view.since) / POINTS;
        let scene = Scene { collector: id, server, since, until, step_s };
        tell(client, &scene, interval_s, &mut view).await?;
    }
    Ok(Some(view))
}

async fn tell(
    client: &impl GenericClient,
    scene: &Scene,
    interval_s: Option<f64>,
    view: &mut View,
) -> Result<(), Failure> {
    let plot = async |asked: &view::Asked| {
        let lines = view::lines(client, scene, asked).await?;
        Ok::<Plot, Failure>(Plot { gap_s: gap(asked.every_s, interval_s, scene.step_s), lines })
    };
    view.facts = view::facts(client, scene).await?.into_iter().next().unwrap_or_default();
    view.plots = Plots {
        sessions: plot(&view::SESSIONS).await?,
        transactions: plot(&view::TRANSACTIONS).await?,
        cache: plot(&view::CACHE).await?,
        host: plot(&view::HOST).await?,
        locks: plot(&view::WAITING).await?,
        behind: plot(&view::BEHIND).await?,
        disks: plot(&view::DISKS).await?,
        errors: plot(&view::ERRORS).await?,
    };
    view.statements = view::statements(client, scene).await?;
    view.waits = view::waits(client, scene).await?;
    view.transactions = view::transactions(client, scene).await?;
    view.standbys = view::standbys(client, scene).await?;
    view.slots = view::slots(client, scene).await?;
    view.wraparound = view::wraparound(client, scene).await?;
    view.filesystems = view::filesystems(client, scene).await?;
    view.log = view::entries(client, scene).await?;
    Ok(())
}

/// As the schema's functions have it: beyond that there is no rate.
fn gap(every_s: f64, interval_s: Option<f64>, step_s: f64) -> f64 {
    let every_s = every_s.max(interval_s.unwrap_or_default());
    (5.0 * every_s).max(2.5 * step_s)
}
