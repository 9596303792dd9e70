//! Who is asking: an extractor, so that a handler's signature says whom it serves.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::app::{App, Shared};
use crate::problem::Problem;
use crate::store::collectors::{self, Known};
use crate::store::pool;
use crate::token::{GRACE, Refusal};

/// A collector whose token counts.
#[derive(Clone, Copy, Debug)]
pub struct Collector(pub Known);

impl Collector {
    pub fn id(self) -> Uuid {
        self.0.id
    }
}

/// A collector whose token counts, or ended not long ago: good for a new token, and for nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Lapsed(pub Known);

impl FromRequestParts<Shared> for Collector {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Collector, Problem> {
        authenticate(app, parts, SignedDuration::ZERO).await.map(Collector)
    }
}

impl FromRequestParts<Shared> for Lapsed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Lapsed, Problem> {
        authenticate(app, parts, GRACE).await.map(Lapsed)
    }
}

pub fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

async fn authenticate(app: &App, parts: &Parts, grace: SignedDuration) -> Result<Known, Problem> {
    let refused = |why| {
        app.figures.auth_failures.inc();
        Problem::Unauthorized(why)
    };
    let token = bearer(parts).ok_or_else(|| refused("a bearer token is needed"))?;
    let claims = app.keys.read(token, Timestamp::now(), grace).map_err(|why| {
        refused(match why {
            Refusal::Expired => "the token has expired",
            Refusal::Audience | Refusal::Forged => "the token is not valid here",
        })
    })?;
    app.open()?;
    let known = match app.caches.collector(claims.sub, &app.figures) {
        Some(known) if known.epoch == claims.epoch => Some(known),
        _ => look_up(app, claims.sub).await?,
    };
    match known {
        Some(known) if known.epoch == claims.epoch => Ok(known),
        _ => Err(refused("the token was revoked")),
    }
}

async fn look_up(app: &App, id: Uuid) -> Result<Option<Known>, Problem> {
    let found = app.db.with(pool::SHORT, async |client| collectors::find(client, id).await);
    let found = app.learn(found.await)?;
    if let Some(known) = found {
        app.caches.remember(known);
    }
    Ok(found)
}
