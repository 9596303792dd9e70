//! The page that people look at. Its files are in the program, it speaks to nobody but this API, and it changes nothing.
//!
//! Files lie below a digest of all of them, so that a browser may keep them for good; index.html alone is asked for again.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::digest::sha256;
use crate::openapi::{Answer, Operation};
use crate::problem::Problem;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = include_str!("../../page/index.html");

macro_rules! files {
    ($($name:literal $media:literal)*) => {
        /// Name, media type, content.
        pub const FILES: &[(&str, &str, &str)] =
            &[$(($name, $media, include_str!(concat!("../../page/", $name)))),*];
    };
}

files! {
    "page.css" "text/css; charset=utf-8"
    "icon.svg" "image/svg+xml"
    "main.js" "text/javascript; charset=utf-8"
    "session.js" "text/javascript; charset=utf-8"
    "dom.js" "text/javascript; charset=utf-8"
    "format.js" "text/javascript; charset=utf-8"
    "scale.js" "text/javascript; charset=utf-8"
    "plot.js" "text/javascript; charset=utf-8"
    "paths.js" "text/javascript; charset=utf-8"
    "fleet.js" "text/javascript; charset=utf-8"
    "server.js" "text/javascript; charset=utf-8"
    "tables.js" "text/javascript; charset=utf-8"
}

/// Of all files as they are.
static EDITION: LazyLock<String> = LazyLock::new(|| {
    let files = FILES.iter().map(|(.., text)| *text);
    sha256([HTML].into_iter().chain(files))[..16].to_owned()
});

static TEXT: LazyLock<String> = LazyLock::new(|| HTML.replace("EDITION", edition()));

/// Below which path the files lie.
pub fn edition() -> &'static str {
    &EDITION
}

pub const INDEX: Operation = Operation {
    about: "The page for people: the fleet, and each server",
    more: "It asks `/api/v1/fleet` and `/api/v1/servers/{collector_id}`, with the token of whoever signs in there.",
    headers: &[("If-None-Match", "the `ETag` of the page that one has")],
    answers: &[
        Answer::text("text/html; charset=utf-8", "the page").with(&[("ETag", "of this edition")]),
        Answer::nothing(304, "it is the one that one has"),
    ],
    ..Operation::ANY
};

pub async fn index(headers: HeaderMap) -> Response {
    let tag = format!("\"{}\"", edition());
    let common = [
        (CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        (CACHE_CONTROL, "no-cache".to_owned()),
        (ETAG, tag.clone()),
    ];
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, [(CONTENT_TYPE, "text/html; charset=utf-8")], TEXT.as_str()).into_response()
}

pub const FILE: Operation = Operation {
    about: "A file of the page",
    more: "`/` names them. Of another edition there is none here.",
    answers: &[Answer::text("*/*", "the file")],
    ..Operation::ANY
};

pub async fn file(path: Result<Path<(String, String)>, axum::extract::rejection::PathRejection>) -> Response {
    let Ok(Path((edition, name))) = path else { return Problem::NotFound.into_response() };
    let found = FILES.iter().find(|(known, ..)| *known == name && edition == self::edition());
    let Some((_, media, text)) = found else { return Problem::NotFound.into_response() };
    let headers = [
        (CONTENT_TYPE, *media),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, *text).into_response()
}
