//! One request: of an operation that is described, mostly as it should be, and then spoilt in one place or two.

use std::fmt::Write;

use bed::api::{REGISTRATION_SECRET, SCRAPE_TOKEN};
use fastrand::Rng;
use serde_json::Value;

use super::value::{fit, hostile, spoil, text, uuid, words};
use super::world::{SECRET, World};
use crate::openapi::contract::{Described, at};
use crate::persons::PASSWORD;

pub(super) struct Request {
    pub(super) method: String,
    /// Which of the operations has to answer; none where it is not one of them.
    pub(super) route: Option<usize>,
    /// It is no HTTP, perhaps.
    pub(super) broken: bool,
    pub(super) bytes: Vec<u8>,
}

impl Request {
    /// Whether it is this path that it asks for, with whatever query.
    pub(super) fn asks_for(&self, path: &str) -> bool {
        let target = self.bytes.splitn(3, |byte| *byte == b' ').nth(1).unwrap_or_default();
        target.strip_prefix(path.as_bytes()).is_some_and(|rest| rest.is_empty() || b"?#".contains(&rest[0]))
    }
}

/// Asked more seldom: passwords are hashed for it, or everything there is is told, or there is nothing to be got wrong.
const SELDOM: &[(&str, &str)] = &[
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/users"),
    ("POST", "/api/v1/users/{id}/reset-password"),
    ("GET", "/api/v1/users"),
    ("GET", "/api/v1/collectors"),
    ("GET", "/metrics"),
    ("GET", "/metrics/prometheus"),
    ("GET", "/api/v1/health"),
    ("GET", "/api/v1/version"),
    ("GET", "/version"),
    ("GET", "/healthz"),
    ("GET", "/openapi.json"),
    ("GET", "/api/v1/openapi.json"),
];

/// The first ones are one of each, as it should be.
pub(super) fn make(world: &World, number: u64, dice: &mut Rng) -> Request {
    let first = usize::try_from(number).unwrap_or(usize::MAX);
    if first < world.operations.len() {
        return Draft::of(world, first, true, dice).finish(dice);
    }
    let route = loop {
        let at = dice.usize(..world.operations.len());
        let one = &world.operations[at];
        if !SELDOM.contains(&(one.method.as_str(), one.path.as_str())) || dice.u8(..6) == 0 {
            break at;
        }
    };
    let mut draft = Draft::of(world, route, false, dice);
    for _ in 0..dice.choice([0, 1, 1, 1, 2]).unwrap_or(0) {
        draft.spoil(dice);
    }
    draft.finish(dice)
}

pub(super) struct Draft<'a> {
    pub(super) world: &'a World,
    pub(super) one: &'a Described,
    pub(super) route: Option<usize>,
    pub(super) broken: bool,
    pub(super) method: String,
    pub(super) target: Vec<u8>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Option<Vec<u8>>,
}

impl<'a> Draft<'a> {
    fn of(world: &'a World, route: usize, sound: bool, dice: &mut Rng) -> Draft<'a> {
        let one = &world.operations[route];
        let mut draft = Draft {
            world,
            one,
            route: Some(route),
            broken: false,
            method: one.method.clone(),
            target: Vec::new(),
            headers: Vec::new(),
            body: None,
        };
        let id = draft.id(sound, dice);
        let mut target = at(&one.path, &id);
        if !sound {
            target += &draft.query(dice);
        }
        draft.target = target.into_bytes();
        draft.add("Host", "localhost");
        draft.add("X-Forwarded-For", &format!("10.{}.{}.{}", dice.u8(..), dice.u8(..), dice.u8(..)));
        draft.authorize(dice);
        if let Some(sent) = one.body() {
            draft.add("Content-Type", &sent.media);
            let body = draft.sound(&sent.schema, dice);
            draft.body = Some(if one.path.contains("/config/") {
                toml(sound, dice)
            } else {
                text(&body).into_bytes()
            });
        }
        draft
    }

    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
    }

    /// Of what may be deleted wherever something may be.
    fn id(&self, sound: bool, dice: &mut Rng) -> String {
        match dice.u8(..10) {
            0 if !sound => uuid(dice),
            _ if self.one.path.contains("/users/") => self.world.user(dice, self.one.method == "DELETE"),
            _ => self.world.collector(dice, self.one.method == "DELETE"),
        }
    }

    fn query(&self, dice: &mut Rng) -> String {
        let mut query = String::new();
        let parameters = self.one.described["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.filter(|one| one["in"] == "query") {
            if dice.u8(..4) > 0 {
                continue;
            }
            let name = parameter["name"].as_str().unwrap_or_default();
            let value = match name {
                "collector_id" => self.world.grid.collector.0.clone().into(),
                // Of an answer; it is of little use elsewhere.
                "cursor" => "bC4x".into(),
                _ if dice.bool() => hostile(dice),
                _ => fit(&parameter["schema"], &self.world.document, dice),
            };
            let value = value.as_str().map_or_else(|| text(&value), str::to_owned);
            let _ = write!(query, "{}{name}={}", if query.is_empty() { '?' } else { '&' }, escaped(&value));
        }
        query
    }

    /// Mostly as somebody who may.
    fn authorize(&mut self, dice: &mut Rng) {
        let Draft { world, one, .. } = *self;
        let alternatives = one.described["security"].as_array().unwrap();
        if alternatives.iter().any(|one| one.get("registration").is_some()) {
            return self.add("X-Registration-Secret", REGISTRATION_SECRET);
        }
        let needed = alternatives.iter().filter_map(|one| one.as_object()?.iter().next());
        let needed: Vec<&str> = needed
            .map(|(scheme, roles)| {
                roles[0].as_str().unwrap_or(if scheme == "scrape" { "scrape" } else { "collector" })
            })
            .collect();
        let Some(who) = dice.choice(&needed) else { return };
        let token = match *who {
            "scrape" => SCRAPE_TOKEN.to_owned(),
            _ if one.path.ends_with("/logout") => world.session(dice).0,
            who => world.token(who),
        };
        self.add("Authorization", &format!("Bearer {token}"));
    }

    /// A body that should be taken.
    fn sound(&self, schema: &Value, dice: &mut Rng) -> Value {
        let mut body = fit(schema, &self.world.document, dice);
        let name = |kind: &str, dice: &mut Rng| Value::from(format!("{kind}-{}", dice.u8(..100)));
        let password = Value::from(format!("{SECRET}-{}", dice.u8(..)));
        match self.one.path.as_str() {
            "/api/v1/auth/login" => {
                body["username"] = "viewer".into();
                body["password"] = PASSWORD.into();
            }
            "/api/v1/auth/refresh" => body["refresh_token"] = self.world.session(dice).1.into(),
            "/api/v1/collectors/register" => body["name"] = name("fuzz", dice),
            "/api/v1/users" => {
                body["username"] = name("fuzz", dice);
                body["password"] = password;
            }
            "/api/v1/users/{id}/reset-password" => body["password"] = password,
            "/api/v1/metrics/push" => self.batch(&mut body, dice),
            _ => {}
        }
        body
    }

    fn batch(&self, body: &mut Value, dice: &mut Rng) {
        body["collector_id"] = self.world.grid.collector.0.clone().into();
        body["metrics_count"] = body["metrics"].as_array().map_or(0, Vec::len).into();
        let families = [
            ("pg_query_stats", "queries"),
            ("pg_stats", "tables"),
            ("pg_stats", "indexes"),
            ("pg_replication", "slots"),
            ("pg_wal", "more"),
        ];
        for item in body["metrics"].as_array_mut().into_iter().flatten() {
            let (kind, rows) = families[dice.usize(..families.len())];
            item["type"] = kind.into();
            let mut row = serde_json::json!({ "hash": dice.i64(..).to_string(), "calls": 1, "text": words(dice), "name": "t" });
            if dice.bool() {
                spoil(&mut row, dice);
            }
            item[rows] = vec![row; dice.usize(..3)].into();
        }
    }

    fn finish(mut self, dice: &mut Rng) -> Request {
        let mut body = self.body.take().unwrap_or_default();
        if !body.is_empty() && dice.u8(..20) == 0 {
            self.add("Transfer-Encoding", "chunked");
            let head = format!("{:x}\r\n", body.len());
            body = [head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
        } else if !body.is_empty() || self.method != "GET" {
            self.add("Content-Length", &body.len().to_string());
        }
        let mut bytes = [self.method.as_bytes(), b" ", &self.target, b" HTTP/1.1\r\n"].concat();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&body);
        Request { method: self.method, route: self.route, broken: self.broken, bytes }
    }
}

fn toml(sound: bool, dice: &mut Rng) -> Vec<u8> {
    if sound {
        return b"[collector]\ninterval = 120\n".to_vec();
    }
    let value = match dice.u8(..4) {
        0 => hostile(dice).to_string(),
        1 => words(dice),
        _ => dice.u16(1..1000).to_string(),
    };
    let section =
        dice.choice(["collector", "pg_stats", "backend", "postgresql", "nothing", "[custom]"]).unwrap_or("");
    let comment = if dice.bool() { words(dice) } else { String::new() };
    format!("# {comment}\n[{section}]\ninterval = {value}\n").into_bytes()
}

/// So that it stands in a path, a query or a header.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes().take(6000) {
        let _ = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                write!(escaped, "{}", char::from(byte))
            }
            _ => write!(escaped, "%{byte:02X}"),
        };
    }
    escaped
}
