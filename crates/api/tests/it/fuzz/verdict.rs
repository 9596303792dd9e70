//! Whether a request was answered as it may be.

use std::fmt;
use std::io;

use super::line::Answer;
use super::request::Request;
use super::world::World;
use crate::openapi::contract::Described;

/// What stands for all that is no route.
pub(super) const ELSEWHERE: &str = "(elsewhere)";

/// Words of the database's, of its driver's or of the program's own; no request holds one of them.
const INNER: &[&str] = &[
    "sqlstate",
    "syntax error",
    "violates",
    "duplicate key value",
    "invalid byte sequence",
    "invalid input",
    "db error",
    "tokio",
    "deadpool",
    "panicked",
    "crates/",
    "/src/",
    "on conflict",
    "returning id",
    "statement timeout",
    "deadlock",
    "relation \\\"",
    "column \\\"",
    "os error",
    "insert into",
    "postgres:",
];

/// Who answers with a token that it made.
const ISSUING: &[&str] = &[
    "/api/v1/auth/login",
    "/api/v1/auth/refresh",
    "/api/v1/collectors/register",
    "/api/v1/collectors/refresh-token",
];

pub(super) struct Fault {
    pub(super) number: u64,
    pub(super) why: String,
    pub(super) request: Request,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let sent = &self.request.bytes[..self.request.bytes.len().min(1500)];
        write!(f, "request {}: {}\n{}", self.number, self.why, String::from_utf8_lossy(sent).escape_debug())
    }
}

impl Described {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

pub(super) fn judge(world: &World, request: &Request, answer: io::Result<Answer>) -> Result<(), String> {
    let answer = answer.map_err(|e| format!("no answer: {e}"))?;
    let text = String::from_utf8_lossy(&answer.body);
    let told =
        |why: &str| Err(format!("{why}: {} {}", answer.status, text.chars().take(600).collect::<String>()));
    if answer.status >= 500 {
        return told("a failure");
    }
    let route = request.route.map(|at| &world.operations[at]);
    // Nothing of it is new, and it has a password as an example, which is everybody's here.
    let description = ["/openapi.json", "/api/v1/openapi.json"].iter().any(|path| request.asks_for(path));
    if answer.status == 200 && description && request.method == "GET" {
        return if text == world.text { Ok(()) } else { told("another description") };
    }
    let issuing = answer.status < 300 && ISSUING.iter().any(|path| request.asks_for(path));
    // What is served is of a shape that leaves no room for them.
    let lower = if answer.status >= 300 { text.to_lowercase() } else { String::new() };
    let inner = INNER.iter().find(|word| lower.contains(*word));
    let secret = World::secrets().into_iter().find(|secret| text.contains(secret));
    if let Some(word) =
        inner.copied().or(secret).or_else(|| (!issuing && text.contains("eyJ")).then_some("eyJ"))
    {
        return told(&format!("it tells {word:?}"));
    }
    // What is no HTTP never came to us.
    if request.broken && [400, 414, 431].contains(&answer.status) && answer.body.is_empty() {
        return Ok(());
    }
    if answer.header("x-request-id").is_none() || answer.header("x-frame-options").is_none() {
        return told("a header is missing");
    }
    if request.method == "HEAD" {
        return Ok(());
    }
    let media = answer.header("content-type");
    let held = match route {
        Some(one) => world.contract.holds(&one.method, &one.path, answer.status, media, &answer.body),
        None => world.contract.refuses(answer.status, media, &answer.body),
    };
    held.or_else(|why| told(&why))
}

/// Answers of a backend that is not well: each is found out.
pub(super) fn catches_what_must_not_be(world: &World) {
    let route = world.operations.iter().position(|one| one.name() == "GET /version");
    let whole = r#"{"version": "3.3.0", "api_version": "v1"}"#;
    let problem = |message: &str| format!(r#"{{"code": "too_many_requests", "message": "{message}"}}"#);
    let cases = [
        (200, whole.to_owned(), None),
        (429, problem("later"), None),
        (500, problem("a defect"), Some("a failure")),
        (429, problem("SQLSTATE 22021"), Some("sqlstate")),
        (200, whole.replace("v1", "eyJhbGciOi"), Some("eyJ")),
        (200, whole.replace("v1", World::secrets()[0]), Some("it tells")),
        (418, problem("a teapot"), Some("not described")),
        (429, whole.to_owned(), Some("required")),
        (200, whole.replace('}', ", \"more\": 1}"), Some("more")),
        (200, String::new(), Some("EOF")),
    ];
    for (status, body, expected) in cases {
        let headers =
            [("x-request-id", "a"), ("x-frame-options", "DENY"), ("content-type", "application/json")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let request = Request { method: "GET".to_owned(), route, broken: false, bytes: Vec::new() };
        let found = judge(world, &request, Ok(Answer { status, headers, body: body.clone().into_bytes() }));
        let as_expected = match (&found, expected) {
            (Err(why), Some(expected)) => why.contains(expected),
            (found, expected) => found.is_ok() && expected.is_none(),
        };
        assert!(as_expected, "{status} {body}: {found:?}");
    }
}
