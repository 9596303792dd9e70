//! Around every request: its limit before anything else, a line in the log where somebody has to know of a refusal, and the
//! headers of every answer.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use tracing::field::display;

use crate::app::{App, Shared};
use crate::client::Client;
use crate::limit::{Caller, Standing};
use crate::problem::{Problem, Refused};

const HEADERS: &[(&str, &str)] = &[
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cache-control", "no-store"),
];

/// Whose refusals a person has to know of, and the words for them. There are no more of them than the limits let through;
/// what a limit refuses is counted.
const TOLD: &[(&str, &str)] =
    &[("/api/v1/metrics/push", "a push was refused"), ("/api/v1/auth/login", "a login failed")];

/// Probes ask often, and must not be told to wait.
pub const UNLIMITED: &[&str] = &["/healthz"];

pub async fn limit(
    State(app): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let client = app.config.proxies.client(peer, request.headers());
    request.extensions_mut().insert(client);
    if UNLIMITED.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let caller = caller(&app, client, request.headers());
    let words = TOLD.iter().find(|(path, _)| *path == request.uri().path()).map(|(_, words)| *words);
    let standing = app.limiter.count(caller);
    let mut response =
        if standing.allowed { next.run(request).await } else { Problem::TooMany(standing).into_response() };
    if let Some(words) = words {
        log(words, client, caller, &response);
    }
    tell(&standing, response.headers_mut());
    response
}

fn log(words: &str, client: Client, caller: Caller, response: &Response) {
    let status = response.status();
    if !status.is_client_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return;
    }
    let collector = match caller {
        Caller::Collector(id) => Some(display(id)),
        Caller::Address(_) | Caller::User(_) => None,
    };
    let refused = response.extensions().get::<Refused>();
    let (code, field) = (refused.map(|r| r.code), refused.and_then(|r| r.field.as_deref()));
    tracing::warn!(client = %client.0, collector, status = status.as_u16(), code, field, "{words}");
}

/// By whom a token stands for, if it is ours and not over. Whether it was revoked is for later: it is not worth a look
/// into the database to count somebody.
fn caller(app: &App, client: Client, headers: &HeaderMap) -> Caller {
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
    let Some((_, token)) = token else { return Caller::at(client.0) };
    let now = Timestamp::now();
    if let Ok(claims) = app.keys.read(token.trim(), now, SignedDuration::ZERO) {
        return Caller::Collector(claims.sub);
    }
    match app.keys.read_access(token.trim(), now) {
        Ok(access) => Caller::User(access.sub),
        Err(_) => Caller::at(client.0),
    }
}

/// Unless another limit was the reason to refuse, and has told of itself.
fn tell(standing: &Standing, headers: &mut HeaderMap) {
    for (name, value) in standing.told() {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from(value));
    }
}

pub async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .entry(HeaderName::from_static(name))
            .or_insert(HeaderValue::from_static(value));
    }
    response
}
