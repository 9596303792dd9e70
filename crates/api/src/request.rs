//! What every request gets: an id, a line in the log, a place in the figures. Nothing of what it carried is logged.

use std::time::Instant;

use axum::extract::{FromRequestParts, MatchedPath, Path, Request, State};
use axum::http::HeaderValue;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use uuid::Uuid;

use crate::app::Shared;
use crate::problem::Problem;

/// The id in a path. What is none names nothing that is here.
pub struct Named(pub Uuid);

impl FromRequestParts<Shared> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Named, Problem> {
        match Path::<Uuid>::from_request_parts(parts, app).await {
            Ok(Path(id)) => Ok(Named(id)),
            Err(_) => Err(Problem::NotFound),
        }
    }
}

const HEADER: &str = "x-request-id";

tokio::task_local! {
    static ID: String;
}

/// Of the request that is being answered.
pub fn id() -> Option<String> {
    ID.try_with(Clone::clone).ok()
}

/// The caller's own id is kept where it is fit for a log.
fn known(request: &Request) -> Option<String> {
    let id = request.headers().get(HEADER)?.to_str().ok()?;
    let fit = !id.is_empty()
        && id.len() <= 64
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    fit.then(|| id.to_owned())
}

pub async fn observe(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = known(&request).unwrap_or_else(|| Uuid::now_v7().to_string());
    let method = request.method().clone();
    // The pattern, not the path: figures stay few, and nothing that was sent gets into them.
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("(none)".to_owned(), |path| path.as_str().to_owned());
    // Whatever the level: a warning without the id leads nowhere.
    let span = tracing::error_span!("request", id = %id);
    let mut response = ID.scope(id.clone(), next.run(request)).instrument(span.clone()).await;
    let took = started.elapsed();
    let status = response.status().as_u16();
    app.figures.answered(method.as_str(), &path, status, took);
    span.in_scope(|| {
        tracing::debug!(method = %method, path, status, ms = took.as_secs_f64() * 1e3, "answered");
    });
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}
