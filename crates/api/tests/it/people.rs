//! Logging in and out, and who administers whom: what ends, ends at every replica, and leaves a trail.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use bed::api::Api;
use bed::cluster::Cluster;
use bed::poll::eventually;
use serde_json::{Value, json};

use crate::persons::{LOGIN, PASSWORD, create, login, made_and_in, newest, send, session, try_login};

const USERS: &str = "/api/v1/users";
const METRICS: &str = "/api/v1/metrics";
const REFRESH: &str = "/api/v1/auth/refresh";
const LOGOUT: &str = "/api/v1/auth/logout";
/// Longer than another replica may believe what has ended.
const FORGOTTEN: Duration = Duration::from_secs(12);

fn scene(name: &str) -> (&'static Cluster, String, Api) {
    let server = newest();
    let database = server.fresh_database(name);
    let api = Api::start(server, &database, &[]);
    (server, database, api)
}

#[track_caller]
fn ends_at(api: &Api, token: &str) {
    eventually(FORGOTTEN, || match api.get(METRICS, Some(token)).status {
        401 => Ok(()),
        other => Err(other),
    });
}

#[test]
fn who_knows_the_password_is_let_in_and_nobody_learns_who_exists() {
    let (_, _, api) = scene("login");
    create(&api, "Ada", "user");
    let right = try_login(&api, "ADA", PASSWORD);
    assert_eq!((right.status, &right.json()["user"]["role"]), (200, &json!("user")), "{right:?}");
    assert_eq!(right.json()["user"]["username"], "Ada");
    let until: jiff::Timestamp = right.json()["expires_at"].as_str().unwrap().parse().unwrap();
    let life = until.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((890..=900).contains(&life), "{life}");
    let told = |name: &str, password: &str| {
        let answer = try_login(&api, name, password);
        let mut body = answer.json();
        body["request_id"] = Value::Null;
        (answer.status, body)
    };
    let wrong = told("Ada", "correct horse batterz");
    assert_eq!(wrong.0, 401);
    assert_eq!(wrong, told("nobody", PASSWORD));
    assert_eq!(wrong, told("", ""));
    assert_eq!(wrong, told("Ada\0", PASSWORD));
}

#[test]
fn a_login_takes_as_long_whether_the_name_is_known_or_not() {
    let (_, _, api) = scene("timing");
    create(&api, "ada", "user");
    let took = |name: &str| {
        let start = Instant::now();
        assert_eq!(try_login(&api, name, "correct horse batterz").status, 401);
        start.elapsed()
    };
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    took("ada");
    took("nobody");
    // In turns, so that whatever else the machine does concerns both.
    for _ in 0..15 {
        known.push(took("ada"));
        unknown.push(took("nobody"));
    }
    let median = |mut all: Vec<Duration>| {
        all.sort();
        all[all.len() / 2].as_secs_f64()
    };
    let ratio = median(known) / median(unknown);
    assert!((1.0 / 1.5..1.5).contains(&ratio), "{ratio}");
}

#[test]
fn a_refresh_token_counts_once_and_a_copy_of_it_ends_the_session() {
    let (_, _, api) = scene("refresh");
    let first = made_and_in(&api, "ada", "user");
    let elsewhere = login(&api, "ada");
    let refresh = |token: &str| send(&api, "POST", REFRESH, None, &json!({ "refresh_token": token }));
    let second = session(&refresh(&first.refresh));
    assert_ne!(second.refresh, first.refresh);
    assert_eq!(api.get(METRICS, Some(&second.token)).status, 200);
    assert_eq!(refresh("never-was-one").status, 401);
    assert_eq!(api.get(METRICS, Some(&second.token)).status, 200);
    assert_eq!(refresh(&first.refresh).status, 401, "shown again");
    for ended in [&first.token, &second.token] {
        assert_eq!(api.get(METRICS, Some(ended)).status, 401, "at once");
    }
    assert_eq!(refresh(&second.refresh).status, 401);
    assert_eq!(api.get(METRICS, Some(&elsewhere.token)).status, 200, "another session goes on");
    assert_eq!(refresh(&elsewhere.token).status, 401, "an access token is no refresh token");
    assert_eq!(api.get(METRICS, Some(&elsewhere.refresh)).status, 401, "nor the other way");
}

#[test]
fn a_logout_ends_access_here_at_once_and_elsewhere_soon() {
    let (server, database, api) = scene("logout");
    let other = Api::start(server, &database, &[]);
    let ada = made_and_in(&api, "ada", "viewer");
    assert_eq!(other.get(METRICS, Some(&ada.token)).status, 200, "it is known there");
    assert_eq!(api.ask("POST", LOGOUT, Some(&ada.token), b"").status, 204);
    assert_eq!(api.get(METRICS, Some(&ada.token)).status, 401);
    ends_at(&other, &ada.token);
    let refresh = json!({ "refresh_token": ada.refresh });
    assert_eq!(send(&other, "POST", REFRESH, None, &refresh).status, 401);
}

#[test]
fn an_admin_manages_users_and_every_act_is_in_the_trail() {
    let (server, database, api) = scene("users");
    let root = made_and_in(&api, "root", "admin");
    let act = |method: &str, path: &str, body: Value| send(&api, method, path, Some(&root.token), &body);
    let new = |name: &str, password: &str, role: &str| {
        act("POST", USERS, json!({ "username": name, "password": password, "role": role }))
    };
    let made = new("ada", PASSWORD, "viewer");
    assert_eq!((made.status, &made.json()["role"]), (201, &json!("viewer")), "{made:?}");
    assert_eq!(new("ADA", PASSWORD, "viewer").status, 409);
    for (name, password, role) in [
        ("bob", "short", "viewer"),
        ("bob", PASSWORD, "king"),
        ("", PASSWORD, "viewer"),
        ("b\nb", PASSWORD, "user"),
    ] {
        assert_eq!(new(name, password, role).status, 422, "{name:?} {password} {role}");
    }
    let ada = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("{USERS}/{ada}");
    let (before, other) = (login(&api, "ada"), Api::start(server, &database, &[]));
    assert_eq!(other.get(USERS, Some(&before.token)).status, 403);

    assert_eq!(act("PATCH", &path, json!({ "role": "admin" })).json()["role"], "admin");
    let listed = api.get(USERS, Some(&before.token));
    assert_eq!(listed.status, 200, "the new role counts at once here");
    assert!(!listed.text.contains("argon2"), "{listed:?}");
    let names: Vec<_> =
        listed.json()["users"].as_array().unwrap().iter().map(|u| u["username"].clone()).collect();
    assert_eq!(names, ["ada", "root"]);
    eventually(FORGOTTEN, || match other.get(USERS, Some(&before.token)).status {
        200 => Ok(()),
        status => Err(status),
    });

    assert_eq!(
        act("POST", &format!("{path}/reset-password"), json!({ "password": "another horse battery" })).status,
        204
    );
    assert_eq!(api.get(METRICS, Some(&before.token)).status, 401, "its sessions have ended");
    ends_at(&other, &before.token);
    assert_eq!(try_login(&api, "ada", PASSWORD).status, 401);
    let after = session(&try_login(&api, "ada", "another horse battery"));
    assert_eq!(act("DELETE", &path, json!({})).status, 204);
    assert_eq!(api.get(METRICS, Some(&after.token)).status, 401);
    ends_at(&other, &after.token);
    assert_eq!(act("DELETE", &path, json!({})).status, 404);

    let (collector, _) = api.register("one");
    assert_eq!(act("DELETE", &format!("/api/v1/collectors/{collector}"), json!({})).status, 204);
    let trail = [
        "(command line) create user root",
        "root create user ada",
        "root change user ada",
        "root reset password ada",
        "root delete user ada",
        "root delete collector one",
    ];
    let sql = "select string_agg(actor || ' ' || action || ' ' || subject, ', ' order by id) from audit";
    assert_eq!(server.one::<String>(&database, sql), trail.join(", "));
    let shown = api.command(&["admin", "audit"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.lines().next().unwrap().contains("root  delete collector  one"), "{shown}");
    assert_eq!(shown.lines().count(), trail.len());
}

#[test]
fn somebody_remains_who_is_an_admin() {
    let (server, database, api) = scene("last");
    let root = made_and_in(&api, "root", "admin");
    let path = format!("{USERS}/{}", root.user);
    let (demoted, removed) = (json!({ "role": "user" }), json!({}));
    for (method, body) in [("PATCH", &demoted), ("DELETE", &removed)] {
        let answer = send(&api, method, &path, Some(&root.token), body);
        assert_eq!((answer.status, &answer.json()["code"]), (409, &json!("conflict")), "{method}");
    }
    // Two who remove each other at one moment: one stays.
    let other = made_and_in(&api, "other", "admin");
    let delete =
        |whom: &str, token: &str| api.ask("DELETE", &format!("{USERS}/{whom}"), Some(token), b"").status;
    let statuses = std::thread::scope(|scope| {
        let one = scope.spawn(|| delete(&other.user, &root.token));
        [delete(&root.user, &other.token), one.join().unwrap()]
    });
    let admins = "select count(*) from users where role = 'admin'";
    assert_eq!(server.one::<i64>(&database, admins), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
}

#[test]
fn a_password_is_kept_as_its_hash_and_a_refresh_token_as_its_digest() {
    let (server, database, api) = scene("kept");
    let file = api.dir().join("password");
    fs::write(&file, format!("{PASSWORD}\nnot this\n")).unwrap();
    let file = file.display().to_string();
    let make = |name: &str| {
        let arguments = ["admin", "create-user", name, "--password-file", &file];
        api.command(&arguments).stdout(Stdio::piped()).output().unwrap()
    };
    assert!(make("root").status.success());
    let again = make("ROOT");
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("there is a user \"ROOT\" already"), "{again:?}");
    let root = login(&api, "root");
    let hash: String = server.one(&database, "select password from users");
    assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
    let dump = "select (select string_agg(u::text, '') from users u) || (select string_agg(s::text || encode(refresh, 'escape'), '') from sessions s)";
    let kept: String = server.one(&database, dump);
    for secret in [PASSWORD, &root.refresh, &root.token] {
        assert!(!kept.contains(secret), "{kept}");
    }
}

#[test]
fn no_secret_gets_into_a_log_that_says_everything() {
    let server = newest();
    let database = server.fresh_database("secrets");
    let api = Api::start(server, &database, &[("LOG_LEVEL", "trace")]);
    let root = made_and_in(&api, "root", "admin");
    let (_, collector) = api.register("one");
    let second = session(&send(&api, "POST", REFRESH, None, &json!({ "refresh_token": root.refresh })));
    try_login(&api, "root", "a wrong but secret word");
    api.ask("POST", LOGIN, None, b"{\"username\": \"root\", \"password\": \"half of it");
    let another = "another horse battery";
    let body = json!({ "username": "ada", "password": another, "role": "viewer" });
    assert_eq!(send(&api, "POST", USERS, Some(&second.token), &body).status, 201);
    assert_eq!(api.get(METRICS, Some(&collector)).status, 200);
    let log = eventually(bed::poll::LONG, || match api.log() {
        log if log.contains("DEBUG") && log.contains("logged in") => Ok(log),
        log => Err(log),
    });
    let secrets = [
        PASSWORD,
        another,
        "a wrong but secret word",
        "half of it",
        &root.token,
        &root.refresh,
        &second.token,
        &second.refresh,
        &collector,
        "$argon2id$",
        "a-key-of-the-tests",
        bed::api::REGISTRATION_SECRET,
    ];
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret:?} is in {line:?}");
    }
}
