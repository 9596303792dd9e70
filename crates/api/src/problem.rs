//! What a request can end in besides success: meanings, each with its status and code. Nobody outside sees a word of
//! the database's, of SQL, or of what was sent.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::ingest::Fault;
use crate::limit::Standing;
use crate::request;
use crate::store::failure::Failure;

#[derive(Debug)]
pub enum Problem {
    /// No token, or none that counts.
    Unauthorized(&'static str),
    Forbidden(&'static str),
    NotFound,
    WrongMethod,
    /// A name that is somebody else's.
    Taken(String),
    /// It would break what has to hold.
    Conflict(&'static str),
    /// What was sent is not what is taken here.
    Invalid(Fault),
    WrongType(&'static str),
    TooLarge(String),
    /// Again when this limit has room.
    TooMany(Standing),
    /// The body did not come in time.
    Slow,
    /// Later it may work.
    Away(&'static str),
    /// The database is well, and did not get this done in time: at once it would not either.
    TooSlow,
    Broken,
}

/// What the log may tell of one: it goes with the answer, to whoever knows who asked.
#[derive(Clone)]
pub struct Refused {
    pub code: &'static str,
    /// The path of the field at fault, where it is fit for a log.
    pub field: Option<String>,
}

/// Paths are made of names that we know; should one ever hold what was sent, it stays out.
fn fit(path: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"_.[]".contains(&b);
    !path.is_empty() && path.len() <= 100 && path.bytes().all(known)
}

/// A status, the codes that come with it, and what it means: for the description of the API.
pub struct Refusal {
    pub status: u16,
    pub codes: &'static [&'static str],
    pub about: &'static str,
}

const fn refusal(status: u16, codes: &'static [&'static str], about: &'static str) -> Refusal {
    Refusal { status, codes, about }
}

pub const REFUSALS: &[Refusal] = &[
    refusal(401, &["unauthorized"], "no token or secret, or none that counts"),
    refusal(403, &["forbidden"], "whose token it is may not do this"),
    refusal(404, &["not_found"], "there is nothing under this id"),
    refusal(408, &["timeout"], "the body did not come in time"),
    refusal(409, &["conflict", "name_taken"], "the name is somebody else's, or the last admin would go"),
    refusal(413, &["too_large"], "the body is too long"),
    refusal(415, &["unsupported_type"], "the content type or encoding is none that is taken"),
    refusal(
        422,
        &["invalid"],
        "what was sent is not taken; where one field is at fault, `details.field` names it",
    ),
    refusal(429, &["too_many_requests"], "too many requests within a minute"),
    refusal(
        500,
        &["internal", "too_slow"],
        "a defect, or more than the database does in the time it is given; the log has more under the request's id",
    ),
    refusal(503, &["unavailable"], "the database is away, or there is no room at this moment"),
];

/// Seconds after which a client may try again what failed for want of the database or of room.
const RETRY_S: u64 = 10;

impl Problem {
    fn told(&self) -> (StatusCode, &'static str, String) {
        use StatusCode as Status;
        match self {
            Problem::Unauthorized(why) => (Status::UNAUTHORIZED, "unauthorized", (*why).to_owned()),
            Problem::Forbidden(why) => (Status::FORBIDDEN, "forbidden", (*why).to_owned()),
            Problem::NotFound => (Status::NOT_FOUND, "not_found", "there is nothing here".to_owned()),
            Problem::WrongMethod => {
                (Status::METHOD_NOT_ALLOWED, "method_not_allowed", "this path has other methods".to_owned())
            }
            Problem::Taken(why) => (Status::CONFLICT, "name_taken", why.clone()),
            Problem::Conflict(why) => (Status::CONFLICT, "conflict", (*why).to_owned()),
            Problem::Invalid(fault) if fault.field.is_empty() => {
                (Status::UNPROCESSABLE_ENTITY, "invalid", fault.why.clone())
            }
            Problem::Invalid(fault) => {
                (Status::UNPROCESSABLE_ENTITY, "invalid", format!("{}: {}", fault.field, fault.why))
            }
            Problem::WrongType(why) => {
                (Status::UNSUPPORTED_MEDIA_TYPE, "unsupported_type", (*why).to_owned())
            }
            Problem::TooLarge(why) => (Status::PAYLOAD_TOO_LARGE, "too_large", why.clone()),
            Problem::TooMany(_) => (
                Status::TOO_MANY_REQUESTS,
                "too_many_requests",
                "too many requests, see Retry-After".to_owned(),
            ),
            Problem::Slow => (Status::REQUEST_TIMEOUT, "timeout", "the body did not come in time".to_owned()),
            Problem::Away(why) => (Status::SERVICE_UNAVAILABLE, "unavailable", (*why).to_owned()),
            Problem::TooSlow => (
                Status::INTERNAL_SERVER_ERROR,
                "too_slow",
                "the database did not get this done in time; the log has more under this request's id"
                    .to_owned(),
            ),
            Problem::Broken => (
                Status::INTERNAL_SERVER_ERROR,
                "internal",
                "a defect; the log has more under this request's id".to_owned(),
            ),
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        Problem::Invalid(fault)
    }
}

/// Logged here, once.
impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        match failure {
            Failure::Away(_) | Failure::Again(_) => {
                tracing::warn!("{failure}");
                Problem::Away("the database is not available")
            }
            Failure::Slow(_) => {
                tracing::warn!("{failure}");
                Problem::TooSlow
            }
            Failure::NoPartition(_) | Failure::Data(_) | Failure::Other(_) => {
                tracing::error!("{failure}");
                Problem::Broken
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, message) = self.told();
        let details = match &self {
            Problem::Invalid(fault) if !fault.field.is_empty() => Some(json!({ "field": fault.field })),
            _ => None,
        };
        let field = match &self {
            Problem::Invalid(fault) => Some(fault.field.clone()).filter(|field| fit(field)),
            _ => None,
        };
        let wait = match &self {
            Problem::TooMany(standing) => Some(standing.wait_s),
            Problem::Away(_) => Some(RETRY_S),
            _ => None,
        };
        let body = wire::Problem { code: code.to_owned(), message, details, request_id: request::id() };
        let mut response = (status, Json(body)).into_response();
        response.extensions_mut().insert(Refused { code, field });
        if let Some(wait_s) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_s));
        }
        if let Problem::TooMany(standing) = &self {
            for (name, value) in standing.told() {
                response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(value));
            }
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
