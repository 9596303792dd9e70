//! The description of this API, for machines.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::Value;

use crate::openapi::{Answer, Operation, document};

static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", document()));

pub const OPENAPI: Operation = Operation {
    about: "This description, as an OpenAPI 3.1 document",
    answers: &[Answer::json::<Value>(200, "the document")],
    ..Operation::ANY
};

pub async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], TEXT.as_str())
}
