//! The backend that is asked, and everybody who asks: what a request may wear out or delete there is enough of, and
//! nothing that others need is ever named.

use std::collections::BTreeMap;

use bed::api::{KEY, REGISTRATION_SECRET, SCRAPE_TOKEN};
use fastrand::Rng;
use jiff::Timestamp;
use pganalytics_api::openapi::document;
use ring::digest::{SHA256, digest};
use serde_json::Value;
use uuid::Uuid;

use crate::grid::Grid;
use crate::openapi::contract::{Contract, Described, operations};
use crate::persons::{PASSWORD, try_login};

/// Every password and refresh token of these requests holds it.
pub(super) const SECRET: &str = "secret-of-a-request";
const SPARE: usize = 200;
/// The first of them are changed, and never deleted.
const KEPT: usize = 20;

pub(super) struct World {
    pub(super) grid: Grid,
    pub(super) document: Value,
    /// As it is served.
    pub(super) text: String,
    pub(super) operations: Vec<Described>,
    pub(super) contract: Contract,
    /// Of those who stay.
    standing: BTreeMap<&'static str, Uuid>,
    worthless: Vec<String>,
    /// To be ended: sessions with their refresh tokens.
    sessions: Vec<(Uuid, String)>,
    /// To be deleted.
    users: Vec<String>,
    collectors: Vec<String>,
    tables: i64,
}

const TABLES: &str = "select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') \
                      and not relispartition";

impl World {
    /// With enough to wear out for so many requests.
    pub(super) fn start(requests: u64) -> World {
        let limits = "anonymous=60000,user=60000,push=60000,login=60000,registration=60000";
        let grid = Grid::start(&[
            ("LOG_LEVEL", "debug"),
            ("RATE_LIMITS", limits),
            // So that each request may come from an address of its own.
            ("TRUSTED_PROXIES", "127.0.0.1"),
        ]);
        let standing = ["viewer", "user", "admin"].map(|name| (name, grid.session(name)));
        let worthless = grid.worthless().into_iter().map(|(_, token)| token).collect();
        let document = document();
        let operations = operations(&document).collect();
        let tables = grid.server.one(&grid.database, TABLES);
        let mut world = World {
            grid,
            text: format!("{document:#}\n"),
            document,
            operations,
            contract: Contract::new(),
            standing: standing.into(),
            worthless,
            sessions: Vec::new(),
            users: Vec::new(),
            collectors: Vec::new(),
            tables,
        };
        world.spares(SPARE.max(requests as usize / 20));
        // Something to be read.
        let path = format!("/api/v1/config/{}", world.grid.collector.0);
        assert_eq!(world.grid.api.ask("PUT", &path, Some(&world.token("admin")), b"").status, 200);
        world
    }

    fn spares(&mut self, sessions: usize) {
        let mut client = self.grid.server.conn(&self.grid.database);
        let viewer: Uuid = self.grid.users["viewer"].parse().unwrap();
        for number in 0..sessions {
            let (id, refresh) = (Uuid::now_v7(), format!("{SECRET}-{number}"));
            let kept = digest(&SHA256, refresh.as_bytes());
            let sql = "insert into sessions (id, user_id, refresh, expires_at) values ($1, $2, $3, now() + interval '1 day')";
            client.execute(sql, &[&id, &viewer, &kept.as_ref()]).unwrap();
            self.sessions.push((id, refresh));
        }
        for number in 0..SPARE {
            let (id, name) = (Uuid::now_v7(), format!("spare-{number}"));
            let user = "insert into users (id, username, password, role) values ($1, $2, 'none', 'user')";
            let collector = "insert into collectors (id, name, hostname) values ($1, $2, 'h')";
            for sql in [user, collector] {
                client.execute(sql, &[&id, &name]).unwrap();
            }
            self.users.push(id.to_string());
            self.collectors.push(id.to_string());
        }
    }

    /// Of somebody who stays.
    pub(super) fn token(&self, who: &str) -> String {
        match who {
            "collector" => self.grid.collector.1.clone(),
            "other" => self.grid.other.clone(),
            person => self.grid.access(person, self.standing[person], Timestamp::now()),
        }
    }

    pub(super) fn worthless(&self, dice: &mut Rng) -> String {
        dice.choice(&self.worthless).cloned().unwrap_or_default()
    }

    /// A session that may end.
    pub(super) fn session(&self, dice: &mut Rng) -> (String, String) {
        let (session, refresh) = dice.choice(&self.sessions).unwrap();
        (self.grid.access("viewer", *session, Timestamp::now()), refresh.clone())
    }

    pub(super) fn user(&self, dice: &mut Rng, disposable: bool) -> String {
        let (kept, others) = self.users.split_at(KEPT);
        dice.choice(if disposable { others } else { kept }).cloned().unwrap_or_default()
    }

    /// One that may be deleted, or one that is asked and told.
    pub(super) fn collector(&self, dice: &mut Rng, disposable: bool) -> String {
        if disposable {
            return dice.choice(&self.collectors).cloned().unwrap_or_default();
        }
        self.grid.collector.0.clone()
    }

    pub(super) fn secrets() -> [&'static str; 6] {
        [KEY, REGISTRATION_SECRET, SCRAPE_TOKEN, PASSWORD, SECRET, "$argon2"]
    }

    /// What the log has of failures.
    pub(super) fn failures(&self) -> String {
        let log = self.grid.api.log();
        let lines = log.lines().filter(|line| line.contains("\"ERROR\"") || line.contains("panicked"));
        lines.take(20).collect::<Vec<_>>().join("\n")
    }

    /// Everything is in its place still, and the log tells of nothing that was sent.
    pub(super) fn is_well(&self) {
        let Grid { api, server, database, .. } = &self.grid;
        assert_eq!(api.get("/api/v1/health", None).status, 200);
        assert_eq!(server.one::<i64>(database, TABLES), self.tables, "no table came or went");
        for who in ["viewer", "user", "admin"] {
            assert_eq!(try_login(api, who, PASSWORD).status, 200, "{who}");
        }
        let log = api.log();
        for word in World::secrets().into_iter().chain(["eyJ", "panicked", "\"level\":\"ERROR\""]) {
            let line = log.lines().find(|line| line.contains(word));
            assert_eq!(line, None, "{word}");
        }
    }
}
