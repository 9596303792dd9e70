//! Bodies that are no batch: JSON, whatever their content type says, as the documents' command lines send none. They are
//! short, and come in time.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use crate::app::{BODY_BYTES, BODY_WITHIN, Shared};
use crate::ingest::Fault;
use crate::problem::Problem;

/// The whole of a body; one that cannot be had is refused in the shape of all errors.
pub struct Whole(pub Bytes);

impl FromRequest<Shared> for Whole {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Shared) -> Result<Whole, Problem> {
        match tokio::time::timeout(BODY_WITHIN, Bytes::from_request(request, app)).await {
            Ok(Ok(bytes)) => Ok(Whole(bytes)),
            Ok(Err(refused)) if refused.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Problem::TooLarge(format!("the body is longer than {BODY_BYTES} bytes")))
            }
            Ok(Err(_)) => Err(Fault::new("", "the body broke off").into()),
            Err(_) => Err(Problem::Slow),
        }
    }
}

/// The fault says where, and never what: a body may hold a password.
pub fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|e| {
        let what = match e.classify() {
            serde_json::error::Category::Data => "a field is missing, unknown or of the wrong type",
            _ => "it is not JSON",
        };
        Fault::new(
            "",
            format!("the body cannot be read: {what}, see line {} column {}", e.line(), e.column()),
        )
    })
}

/// A name for people: 1 to 255 bytes that can be shown.
pub fn fit_name(field: &str, text: &str) -> Result<(), Fault> {
    let fit = !text.trim().is_empty() && text.len() <= 255 && !text.contains(char::is_control);
    if fit { Ok(()) } else { Err(Fault::new(field, "must be 1 to 255 bytes without control characters")) }
}
