//! What a collector is told: TOML, which it asks for with the tag of what it has. Nothing is stored that a collector would
//! refuse: the rules are its own.

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::json;

use crate::app::Shared;
use crate::body::Whole;
use crate::ingest::Fault;
use crate::permission::{ReadConfig, WriteConfig};
use crate::principal::{May, PersonMay};
use crate::problem::Problem;
use crate::request::Named;
use crate::store::configs::{self, Stored};
use crate::store::{audit, pool};

#[derive(Serialize)]
pub struct Version {
    version: i64,
    etag: String,
}

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
    Ok((tags, [(CONTENT_TYPE, "application/toml")], body).into_response())
}

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
    let digest = digest(&SHA256, text.as_bytes());
    let hex: String = digest.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}
