//! A collector introduces itself and gets its identity.
//!
//! The secret is shared by all collectors, so it must not be enough to become one that exists: a known name takes a token
//! of that same collector, or an admin who allowed it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::{Extension, Json};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;
use wire::{REGISTRATION_SECRET_HEADER, Register, Registered};

use crate::app::{App, Shared};
use crate::body::Whole;
use crate::client::Client;
use crate::ingest::Fault;
use crate::limit::Limited;
use crate::object::{Object, string};
use crate::openapi::{Answer, Operation, Takes, Who};
use crate::principal::bearer;
use crate::problem::Problem;
use crate::store::collectors::{self, Known};
use crate::store::failure::Failure;
use crate::store::pool;
use crate::token::GRACE;

const LONGEST_NAME: usize = 255;

pub const REGISTER: Operation = Operation {
    about: "Gives a collector its id and its token",
    more: "A name that is known takes that collector's own token besides, or an admin who allows it.",
    who: Who::Registering,
    headers: &[("Authorization", "`Bearer` and the collector's present token, to register its name again")],
    body: Some(Takes::json::<Register>(r#"{"name": "db1", "hostname": "db1.example"}"#)),
    answers: &[Answer::json::<Registered>(201, "who it is from now on")],
    refusals: &[401, 409],
    ..Operation::ANY
};

pub async fn register(
    State(app): State<Shared>,
    Extension(client): Extension<Client>,
    parts: Parts,
    Whole(body): Whole,
) -> Result<(StatusCode, Json<Registered>), Problem> {
    app.open()?;
    app.attempt(Limited::Registration, client).await?;
    check_secret(&app, &parts)?;
    let new = read(&body)?;
    let Some(known) = app.learn(identify(&app, &parts, &new).await)? else {
        app.figures.auth_failures.inc();
        tracing::warn!(name = %new.name.escape_debug(), "a registration under a known name was refused");
        return Err(Problem::Taken(format!(
            "{:?} is registered: send its present token along, or let an admin run `pganalytics-api admin allow-registration`",
            new.name
        )));
    };
    app.caches.forget(known.id);
    let (token, until) =
        app.keys.issue(known.id, known.epoch, Timestamp::now()).map_err(|_| Problem::Broken)?;
    tracing::info!(collector = %known.id, "registered");
    let reply = Registered { collector_id: known.id.to_string(), token, expires_at: until.to_string() };
    Ok((StatusCode::CREATED, Json(reply)))
}

fn check_secret(app: &App, parts: &Parts) -> Result<(), Problem> {
    let shown = parts.headers.get(REGISTRATION_SECRET_HEADER).map_or(&[][..], |value| value.as_bytes());
    let expected = app.registration.expose_secret().as_bytes();
    if bool::from(shown.ct_eq(expected)) {
        return Ok(());
    }
    app.figures.auth_failures.inc();
    Err(Problem::Unauthorized("the registration secret is not right"))
}

fn read(body: &[u8]) -> Result<Register, Fault> {
    let Object(fields) = serde_json::from_slice(body).map_err(|_| Fault::new("", "must be a JSON object"))?;
    let field = |name: &str| {
        let value = fields.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value);
        let Some(value) = value.filter(|value| value.get() != "null") else { return Ok(None) };
        let text = string(value.get()).ok_or_else(|| Fault::new(name, "must be a string"))?;
        match !text.trim().is_empty() && text.len() <= LONGEST_NAME && !text.contains(char::is_control) {
            true => Ok(Some(text.into_owned())),
            false => Err(Fault::new(name, "must be 1 to 255 bytes without control characters")),
        }
    };
    let needed = |name: &str| field(name)?.ok_or_else(|| Fault::new(name, "is missing"));
    Ok(Register {
        name: needed("name")?,
        hostname: needed("hostname")?,
        address: field("address")?,
        version: field("version")?,
    })
}

/// `None`: the name is somebody else's.
async fn identify(app: &App, parts: &Parts, new: &Register) -> Result<Option<Known>, Failure> {
    let claims = bearer(parts).and_then(|token| app.keys.read(token, Timestamp::now(), GRACE).ok());
    let asked = app.db.with(pool::SHORT, async |client| {
        if let Some(claims) = claims
            && collectors::find(client, claims.sub).await?.is_some_and(|known| known.epoch == claims.epoch)
            && let Some(known) = collectors::renew(client, claims.sub, new).await?
        {
            return Ok(Some(known));
        }
        collectors::register(client, new).await
    });
    asked.await
}
