//! What a collector is told: TOML, which it asks for with the tag of what it has. Nothing is stored that a collector would
//! refuse: the rules are its own.

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::json;

use crate::app::Shared;
use crate::body::Whole;
use crate::digest::sha256;
use crate::ingest::Fault;
use crate::openapi::{Answer, Operation, Takes, Who};
use crate::permission::{Action, ReadConfig, WriteConfig};
use crate::principal::{May, PersonMay};
use crate::problem::Problem;
use crate::request::Named;
use crate::store::configs::{self, Stored};
use crate::store::{audit, pool};

#[derive(Serialize, JsonSchema)]
pub struct Version {
    /// Counts up with each text that is stored.
    version: i64,
    /// Names the text: the same again has the same.
    etag: String,
}

const TOML: &str = "application/toml";
const TAGS: &[(&str, &str)] =
    &[("ETag", "for `If-None-Match` next time"), ("X-Config-Version", "the text's version")];

pub const GET: Operation = Operation {
    about: "What a collector is told, as TOML",
    more: "A collector may read its own. 404 also where it is told nothing yet.",
    who: Who::May(Action::ReadConfig),
    headers: &[("If-None-Match", "an `ETag` of before: answered 304 while nothing is new")],
    answers: &[
        Answer::text(TOML, "the newest version").with(TAGS),
        Answer::nothing(304, "nothing is new").with(TAGS),
    ],
    ..Operation::ANY
};

pub async fn get(
    State(app): State<Shared>,
    me: May<ReadConfig>,
    Named(id): Named,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if me.0.only().is_some_and(|only| only != id) {
        return Err(Problem::Forbidden("a collector may read its own configuration"));
    }
    let newest = app.db.with(pool::SHORT, async |client| configs::newest(client, id).await);
    let Stored { version, body, etag } = app.learn(newest.await)?.ok_or(Problem::NotFound)?;
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let tags = [(ETAG.as_str(), etag.clone()), ("x-config-version", version.to_string())];
    if known.is_some_and(|known| known.split(',').any(|tag| tag.trim() == etag)) {
        return Ok((StatusCode::NOT_MODIFIED, tags).into_response());
    }
    Ok((tags, [(CONTENT_TYPE, TOML)], body).into_response())
}

pub const PUT: Operation = Operation {
    about: "Changes what a collector is told",
    more: "Intervals, switches and limits, by the collector's own names and bounds; anything else is refused with its line. \
           It takes effect with the run after the collector has asked for it.",
    who: Who::Person(Action::WriteConfig),
    body: Some(Takes {
        media: TOML,
        shape: SchemaGenerator::subschema_for::<String>,
        example: "[collector]\ninterval = 120\n",
        file: Some("remote.toml"),
    }),
    answers: &[Answer::json::<Version>(200, "stored as this version")],
    ..Operation::ANY
};

pub async fn put(
    State(app): State<Shared>,
    me: PersonMay<WriteConfig>,
    Named(id): Named,
    Whole(body): Whole,
) -> Result<Json<Version>, Problem> {
    let text = std::str::from_utf8(&body).map_err(|_| Fault::new("", "the body is not UTF-8"))?;
    settings::remote::read(text).map_err(|problems| Fault::new("", problems.to_string()))?;
    let etag = tag(text);
    let stored = app.db.with(pool::SHORT, async |client| {
        let tx = pool::begin(client).await?;
        let actor = me.name(&tx).await?;
        let Some(version) = configs::put(&tx, id, text, &etag, &actor).await? else { return Ok(None) };
        audit::record(
            &tx,
            &actor,
            "change configuration",
            &id.to_string(),
            Some(json!({ "version": version })),
        )
        .await?;
        tx.commit().await?;
        Ok(Some(version))
    });
    let version = app.learn(stored.await)?.ok_or(Problem::NotFound)?;
    Ok(Json(Version { version, etag }))
}

/// The same text has the same tag, whichever version it is.
fn tag(text: &str) -> String {
    format!("\"{}\"", &sha256([text])[..32])
}
