//! Every route, asked by everybody: the rows are compared with the program's own list, so that no route is without one.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use bed::api::{Answer, Api, REGISTRATION_SECRET};
use bed::cluster::Cluster;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pganalytics_api::app::routes;
use pganalytics_api::permission::Who;
use pganalytics_api::token::{Access, Claims, Keys};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::batch::batch;
use crate::openapi::contract::at;
use crate::persons::{PASSWORD, create, login, newest};

const KEY: &str = "a-key-of-the-tests-that-is-long-enough";

/// What anonymous, viewer, user, admin, the collector, and another collector are answered; whose token counts for
/// nothing is answered like the last.
type Statuses = [u16; 7];

const ANYBODY: Statuses = [200; 7];
const ADMIN_ELSE: u16 = 403;

/// Nobody but an admin, who is answered so.
const fn admin(status: u16) -> Statuses {
    [401, ADMIN_ELSE, ADMIN_ELSE, status, ADMIN_ELSE, ADMIN_ELSE, 401]
}

const PEOPLE: Statuses = [401, 200, 200, 200, 403, 403, 401];

const ROWS: &[(&str, &str, Statuses)] = &[
    ("GET", "/api/v1/health", ANYBODY),
    ("GET", "/api/v1/version", ANYBODY),
    ("POST", "/api/v1/collectors/register", [201; 7]),
    ("POST", "/api/v1/collectors/refresh-token", [401, 401, 401, 401, 200, 200, 401]),
    ("GET", "/api/v1/collectors", PEOPLE),
    ("GET", "/api/v1/collectors/{id}", PEOPLE),
    // Of one that is not there.
    ("DELETE", "/api/v1/collectors/{id}", admin(404)),
    ("GET", "/api/v1/config/{collector_id}", [401, 403, 403, 200, 200, 403, 401]),
    ("PUT", "/api/v1/config/{collector_id}", admin(200)),
    ("POST", "/api/v1/auth/login", ANYBODY),
    ("POST", "/api/v1/auth/refresh", ANYBODY),
    ("POST", "/api/v1/auth/logout", [401, 204, 204, 204, 403, 403, 401]),
    ("GET", "/api/v1/users", admin(200)),
    ("POST", "/api/v1/users", admin(201)),
    ("PATCH", "/api/v1/users/{id}", admin(200)),
    // Of one that is not there.
    ("DELETE", "/api/v1/users/{id}", admin(404)),
    ("POST", "/api/v1/users/{id}/reset-password", admin(204)),
    // Another collector's batch says whose it is.
    ("POST", "/api/v1/metrics/push", [401, 403, 403, 403, 200, 422, 401]),
    ("GET", "/api/v1/metrics", [401, 200, 200, 200, 200, 200, 401]),
    ("GET", "/api/v1/fleet", PEOPLE),
    ("GET", "/api/v1/servers/{collector_id}", PEOPLE),
    ("GET", "/api/v1/openapi.json", ANYBODY),
    ("GET", "/openapi.json", ANYBODY),
    ("GET", "/", ANYBODY),
    ("GET", "/page/{edition}/{file}", ANYBODY),
    ("GET", "/healthz", ANYBODY),
    ("GET", "/version", ANYBODY),
    // Asked from the same host.
    ("GET", "/metrics", ANYBODY),
    ("GET", "/metrics/prometheus", ANYBODY),
];

/// A backend with one of each who may ask.
pub(crate) struct Grid {
    pub(crate) api: Api,
    pub(crate) server: &'static Cluster,
    pub(crate) database: String,
    keys: Keys,
    pub(crate) users: BTreeMap<&'static str, String>,
    pub(crate) collector: (String, String),
    pub(crate) other: String,
}

impl Grid {
    pub(crate) fn start(settings: &[(&str, &str)]) -> Grid {
        let server = newest();
        let database = server.fresh_database("grid");
        let api = Api::start(server, &database, settings);
        let ids = ["viewer", "user", "admin", "target"].map(|name| {
            create(&api, name, if name == "target" { "viewer" } else { name });
            (
                name,
                server.one::<String>(
                    &database,
                    &format!("select id::text from users where username = '{name}'"),
                ),
            )
        });
        let (collector, (_, other)) = (api.register("one"), api.register("other"));
        let keys = Keys::new(&KEY.to_owned().into(), &[]);
        Grid { api, server, database, keys, users: ids.into(), collector, other }
    }

    /// A session of its own, so that who logs out is in the way of nobody.
    pub(crate) fn session(&self, user: &str) -> Uuid {
        let id = Uuid::now_v7();
        let sql = "insert into sessions (id, user_id, refresh, expires_at) values ('$', '#', '$', now() + interval '1 hour')";
        let sql = sql.replace('$', &id.to_string()).replace('#', &self.users[user]);
        self.server.sql(&self.database, &sql);
        id
    }

    pub(crate) fn person(&self, user: &str) -> String {
        self.access(user, self.session(user), Timestamp::now())
    }

    pub(crate) fn access(&self, user: &str, session: Uuid, at: Timestamp) -> String {
        self.keys.issue_access(self.users[user].parse().unwrap(), session, at).unwrap().0
    }

    fn collector_token(&self, epoch: i32, at: Timestamp) -> String {
        self.keys.issue(self.collector.0.parse().unwrap(), epoch, at).unwrap().0
    }

    fn signed(&self, claims: &impl Serialize) -> String {
        let kid = jsonwebtoken::decode_header(&self.collector.1).unwrap().kid;
        let header = Header { kid, ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(KEY.as_bytes())).unwrap()
    }

    /// Tokens that count for nothing.
    pub(crate) fn worthless(&self) -> Vec<(&'static str, String)> {
        let (now, ago) = (Timestamp::now(), |hours| Timestamp::now() - SignedDuration::from_hours(hours));
        let collector: Uuid = self.collector.0.parse().unwrap();
        let epoch = self.keys.read(&self.collector.1, now, SignedDuration::ZERO).unwrap().epoch;
        let admin: Uuid = self.users["admin"].parse().unwrap();
        let session = self.session("admin");
        let (iat, exp) = (now.as_second(), now.as_second() + 600);
        let claims = |aud: &str, epoch| Claims { sub: collector, aud: aud.into(), iat, exp, epoch };
        let access = |aud: &str, sub| Access { sub, aud: aud.into(), iat, exp, session };
        let ended = self.session("admin");
        let revoked = self.access("admin", ended, now);
        assert_eq!(self.api.ask("POST", "/api/v1/auth/logout", Some(&revoked), b"").status, 204);
        let stranger = Keys::new(&"another-key-that-is-long-enough-too".to_owned().into(), &[]);
        let good = self.person("admin");
        let parts: Vec<&str> = good.split('.').collect();
        let header = String::from_utf8(BASE64.decode(parts[0]).unwrap()).unwrap();
        let none = BASE64.encode(header.replace("HS256", "none"));
        vec![
            ("an admin's, expired", self.access("admin", session, ago(1))),
            ("a collector's, expired for 31 days", self.collector_token(epoch, ago(61 * 24))),
            ("for an audience that is not here", self.signed(&access("elsewhere", admin))),
            ("a collector's for an audience that is not here", self.signed(&claims("elsewhere", epoch))),
            ("a collector's that says it is a user's", self.signed(&claims("user", epoch))),
            ("a user's that says it is a collector's", self.signed(&access("collector", admin))),
            ("of somebody with another one's session", self.signed(&access("user", collector))),
            ("of a session that ended", revoked),
            ("of another epoch", self.collector_token(epoch + 1, now)),
            ("signed by nobody", format!("{none}.{}.", parts[1])),
            ("signed by nobody, with a signature", format!("{none}.{}.{}", parts[1], parts[2])),
            ("an admin's, by another key", stranger.issue_access(admin, session, now).unwrap().0),
            ("a collector's, by another key", stranger.issue(collector, epoch, now).unwrap().0),
            ("cut off", good[..good.len() - 3].to_owned()),
            ("nonsense", "x.y.z".to_owned()),
            ("empty", String::new()),
        ]
    }

    fn body(&self, method: &str, path: &str) -> String {
        let fresh = Uuid::now_v7().to_string();
        match (method, path) {
            (_, "/api/v1/collectors/register") => json!({ "name": fresh, "hostname": "h" }).to_string(),
            (_, "/api/v1/auth/login") => json!({ "username": "target", "password": PASSWORD }).to_string(),
            (_, "/api/v1/auth/refresh") => {
                json!({ "refresh_token": login(&self.api, "target").refresh }).to_string()
            }
            ("POST", "/api/v1/users") => {
                json!({ "username": fresh, "password": PASSWORD, "role": "viewer" }).to_string()
            }
            ("PATCH", _) => json!({ "role": "viewer" }).to_string(),
            (_, "/api/v1/users/{id}/reset-password") => json!({ "password": PASSWORD }).to_string(),
            ("PUT", _) => "[collector]\ninterval = 60\n".to_owned(),
            (_, "/api/v1/metrics/push") => batch(&self.collector.0, &[]).to_string(),
            _ => String::new(),
        }
    }

    fn asked(&self, method: &str, path: &str, token: Option<&str>) -> u16 {
        self.answer(method, path, token).status
    }

    pub(crate) fn answer(&self, method: &str, path: &str, token: Option<&str>) -> Answer {
        let id = match (method, path) {
            ("DELETE", _) => Uuid::now_v7().to_string(),
            (_, users) if users.contains("/users/") => self.users["target"].clone(),
            _ => self.collector.0.clone(),
        };
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers =
            vec![("X-Registration-Secret", REGISTRATION_SECRET), ("Content-Type", "application/json")];
        headers.extend(bearer.iter().map(|value| ("Authorization", value.as_str())));
        let url = at(path, &id);
        self.api.ask_with(method, &url, &headers, self.body(method, path).as_bytes())
    }
}

#[test]
fn every_route_serves_whom_it_is_for_and_nobody_else() {
    let listed: BTreeSet<_> = routes().iter().map(|route| (route.method, route.path)).collect();
    let rows: BTreeSet<_> = ROWS.iter().map(|(method, path, _)| (*method, *path)).collect();
    assert_eq!(listed, rows, "each route has a row");
    let grid = Grid::start(&[]);
    // Something to be read.
    let admin = grid.person("admin");
    assert_eq!(grid.asked("PUT", "/api/v1/config/{collector_id}", Some(&admin)), 200);
    let worthless = grid.worthless();
    let mut wrong = Vec::new();
    for (method, path, expected) in ROWS {
        let known = [
            ("anonymous", None),
            ("viewer", Some(grid.person("viewer"))),
            ("user", Some(grid.person("user"))),
            ("admin", Some(grid.person("admin"))),
            ("collector", Some(grid.collector.1.clone())),
            ("other collector", Some(grid.other.clone())),
        ];
        let known = known.into_iter().zip(*expected);
        let others = worthless.iter().map(|(who, token)| ((*who, Some(token.clone())), expected[6]));
        for ((who, token), expected) in known.chain(others) {
            let status = grid.asked(method, path, token.as_deref());
            if status != expected {
                wrong.push(format!("{method} {path}, {who}: {status} instead of {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whom the description lets in is whom the grid has served, where that is a matter of roles.
#[test]
fn the_description_says_for_whom_a_route_is() {
    for route in routes() {
        let roles = route.operation.who.roles();
        if roles.is_empty() {
            continue;
        }
        let (_, _, statuses) =
            ROWS.iter().find(|(method, path, _)| (*method, *path) == (route.method, route.path)).unwrap();
        let columns = [(Who::Viewer, 1), (Who::User, 2), (Who::Admin, 3), (Who::Collector, 4)];
        for (who, column) in columns {
            let served = ![401, 403].contains(&statuses[column]);
            assert_eq!(served, roles.contains(&who), "{} {}, {who:?}", route.method, route.path);
        }
    }
}

/// What asks for anything else learns so in the one shape that all errors have.
#[test]
fn what_is_no_route_is_refused_in_the_same_shape() {
    let grid = Grid::start(&[]);
    let admin = grid.person("admin");
    let long = vec![b'x'; 70_000];
    let asked: &[(&str, &str, &[u8], u16, &str)] = &[
        ("GET", "/api/v1/nothing", b"", 404, "not_found"),
        ("GET", "/index.html", b"", 404, "not_found"),
        ("GET", "/page/of-another-edition/main.js", b"", 404, "not_found"),
        ("DELETE", "/api/v1/health", b"", 405, "method_not_allowed"),
        ("GET", "/api/v1/auth/login", b"", 405, "method_not_allowed"),
        ("PATCH", "/api/v1/collectors/1", b"", 405, "method_not_allowed"),
        ("GET", "/api/v1/collectors/no-uuid", b"", 404, "not_found"),
        ("GET", "/api/v1/config/%FF", b"", 404, "not_found"),
        ("POST", "/api/v1/auth/login", b"", 422, "invalid"),
        ("POST", "/api/v1/auth/login", b"{\"username\": 7}", 422, "invalid"),
        ("POST", "/api/v1/auth/login", &long, 413, "too_large"),
        ("POST", "/api/v1/users", &long, 413, "too_large"),
    ];
    for (method, path, body, status, code) in asked {
        let answer = grid.api.ask(method, path, Some(&admin), body);
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (*status, &json!(code)),
            "{method} {path}: {answer:?}"
        );
        assert!(answer.json()["request_id"].is_string(), "{answer:?}");
    }
}
