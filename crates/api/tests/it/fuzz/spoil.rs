//! What is done to a request: to its body, its target, its method, its headers, its token.

use std::io::Write;

use bed::api::{REGISTRATION_SECRET, SCRAPE_TOKEN};
use fastrand::Rng;
use serde_json::Value;

use super::request::{Draft, escaped};
use super::value::{damage, spoil, text, words};
use crate::openapi::contract::{Described, at};
use crate::persons::PASSWORD;

impl Draft<'_> {
    pub(super) fn spoil(&mut self, dice: &mut Rng) {
        match dice.u8(..10) {
            0..4 if self.body.is_some() => self.spoil_body(dice),
            4 => self.spoil_target(dice),
            5 => self.spoil_method(dice),
            6 => self.spoil_headers(dice),
            _ => self.spoil_token(dice),
        }
    }

    fn spoil_body(&mut self, dice: &mut Rng) {
        let Some(bytes) = &mut self.body else { return };
        let value = serde_json::from_slice::<Value>(bytes).ok().filter(|_| dice.u8(..4) > 0);
        let Some(mut value) = value else { return damage(bytes, dice) };
        spoil(&mut value, dice);
        *bytes = text(&value).into_bytes();
    }

    fn spoil_target(&mut self, dice: &mut Rng) {
        if self.route.is_none() {
            return;
        }
        let path = self.one.path.clone();
        if path.contains('{') && dice.bool() {
            let id = escaped(&words(dice));
            if !id.is_empty() {
                self.target = at(&path, &id).into_bytes();
                return;
            }
        }
        let path = path.replace(['{', '}'], "");
        match dice.u8(..8) {
            0 => {
                let query = dice.choice([
                    "?",
                    "?%",
                    "?%zz=%00",
                    "?limit=1&limit=2",
                    "?&&&==",
                    "?collector_id=%ff",
                    "?type",
                ]);
                let end = self.target.iter().position(|byte| *byte == b'?').unwrap_or(self.target.len());
                self.target.truncate(end);
                self.target.extend_from_slice(query.unwrap_or_default().as_bytes());
            }
            1 => {
                let query = format!("?{}={}", escaped(&words(dice)), escaped(&words(dice)));
                self.target = (path + &query).into_bytes();
                self.route = self.route.filter(|_| !self.one.path.contains('{'));
            }
            2 => self.elsewhere(
                [
                    "/api/v1/../v1/users",
                    "//api/v1/users",
                    "/api/v1/users/",
                    "/./metrics",
                    "/api/v1/%2e%2e/users",
                ],
                dice,
            ),
            3 => self.elsewhere(
                [
                    "/../../../etc/passwd",
                    "/api/v1/metrics/..%2f..%2fetc%2fpasswd",
                    "/.git/config",
                    "/API/V1/users",
                    "*",
                ],
                dice,
            ),
            4 => {
                let byte = dice.u8(..);
                let at = dice.usize(1..=self.target.len());
                self.target.insert(at, byte);
                (self.route, self.broken) = (None, true);
            }
            5 => {
                self.target = format!("/{}", "a/".repeat(dice.usize(1..40_000))).into_bytes();
                (self.route, self.broken) = (None, true);
            }
            _ => {
                self.target = format!("{path}/{}", escaped(&words(dice))).into_bytes();
                self.route = None;
            }
        }
    }

    fn elsewhere<const N: usize>(&mut self, targets: [&str; N], dice: &mut Rng) {
        self.target = dice.choice(targets).unwrap_or("/").as_bytes().to_vec();
        self.route = None;
    }

    fn spoil_method(&mut self, dice: &mut Rng) {
        if self.route.is_none() {
            return;
        }
        let odd = [
            "HEAD", "OPTIONS", "TRACE", "CONNECT", "GET", "POST", "PUT", "PATCH", "DELETE", "get", "FOO",
            "PROPFIND",
        ];
        let method = dice.choice(odd).unwrap_or("FOO");
        // Whoever is asked for has to stay.
        if method == "DELETE" && ["/collectors/", "/users/"].iter().any(|part| self.one.path.contains(part)) {
            return;
        }
        self.broken |= method == "CONNECT";
        self.method = method.to_owned();
        let known = |one: &Described| one.path == self.one.path && one.method == method;
        self.route = self.route.and_then(|_| self.world.operations.iter().position(known));
    }

    fn spoil_headers(&mut self, dice: &mut Rng) {
        let any = escaped(&words(dice)).chars().take(3000).collect::<String>();
        match dice.u8(..12) {
            0 => self.set(
                "Content-Type",
                dice.choice([
                    "text/plain",
                    "application/x-www-form-urlencoded",
                    "multipart/form-data; boundary=x",
                    "application/json; charset=utf-16",
                    "",
                    "json",
                ])
                .unwrap_or(""),
            ),
            1 => self.headers.retain(|(name, _)| name != "Content-Type"),
            2 => self.set("X-Forwarded-For", &any),
            3 => self.set("X-Request-Id", &any),
            4 => self.set("X-Registration-Secret", &any),
            5 => self.set("If-None-Match", "*, \"x\", W/"),
            6 => self.set("Origin", "https://elsewhere.example"),
            7 => self.set(
                "Content-Encoding",
                dice.choice(["gzip", "zstd", "br", "gzip, gzip", "identity", ""]).unwrap_or(""),
            ),
            8 => self.compress(dice),
            9 => {
                let byte = dice.u8(..);
                self.headers.push(("X-Any".to_owned(), vec![b'a', byte, b'b']));
                self.broken = true;
            }
            10 => (0..dice.usize(1..150)).for_each(|at| self.add(&format!("X-Any-{at}"), "a")),
            _ => self.set("Cookie", &any),
        }
        // Beyond a hundred it is not read any more.
        self.broken |= self.headers.len() > 90;
    }

    fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(known, _)| known != name);
        self.add(name, value);
    }

    fn compress(&mut self, dice: &mut Rng) {
        let Some(body) = &mut self.body else { return };
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(body).unwrap();
        *body = encoder.finish().unwrap();
        if dice.bool() {
            damage(body, dice);
        }
        self.set("Content-Encoding", "gzip");
    }

    fn spoil_token(&mut self, dice: &mut Rng) {
        let somebody = ["admin", "user", "viewer", "collector", "other"];
        let value = match dice.u8(..12) {
            0 => return self.headers.retain(|(name, _)| name != "Authorization"),
            // A session that stays must not end.
            1..4 if !self.one.path.ends_with("/logout") => {
                format!("Bearer {}", self.world.token(dice.choice(somebody).unwrap_or("user")))
            }
            4..8 => format!("Bearer {}", self.world.worthless(dice)),
            8 => format!("Basic {}", self.world.session(dice).0),
            9 => format!("Bearer {}{}", self.world.session(dice).0, escaped(&words(dice))),
            10 => {
                format!("Bearer {}", dice.choice([REGISTRATION_SECRET, PASSWORD, SCRAPE_TOKEN]).unwrap_or(""))
            }
            _ => escaped(&words(dice)),
        };
        self.set("Authorization", &value);
    }
}
