//! Who may become a collector, and that a shared secret is not enough to become one that exists.

use bed::api::{Answer, Api, REGISTRATION_SECRET};
use bed::cluster::{Cluster, shared};
use bed::majors;
use serde_json::{Value, json};

use crate::batch::batch;
use crate::tokens::Forge;

fn started() -> (&'static Cluster, String, Api) {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("registration");
    let api = Api::start(server, &database, &[]);
    (server, database, api)
}

fn register(api: &Api, secret: &str, token: Option<&str>, body: &Value) -> Answer {
    let bearer = format!("Bearer {}", token.unwrap_or_default());
    let mut headers = vec![("X-Registration-Secret", secret)];
    if token.is_some() {
        headers.push(("Authorization", bearer.as_str()));
    }
    api.post("/api/v1/collectors/register", &headers, body.to_string().as_bytes())
}

fn named(name: &str) -> Value {
    json!({ "name": name, "hostname": "h.example" })
}

/// Id, name and epoch of all.
fn known(server: &Cluster, database: &str) -> Vec<(String, i32)> {
    let sql = "select name || ' ' || id, token_epoch from collectors order by 1";
    server.conn(database).query(sql, &[]).unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[test]
fn the_secret_is_needed() {
    let (server, database, api) = started();
    for secret in ["", "wrong", &REGISTRATION_SECRET[1..], &format!("{REGISTRATION_SECRET}x")] {
        let answer = register(&api, secret, None, &named("one"));
        assert_eq!((answer.status, &answer.json()["code"]), (401, &json!("unauthorized")), "{secret:?}");
    }
    let none = api.post("/api/v1/collectors/register", &[], named("one").to_string().as_bytes());
    assert_eq!(none.status, 401);
    assert!(known(server, &database).is_empty());
    assert_eq!(register(&api, REGISTRATION_SECRET, None, &named("one")).status, 201);
}

#[test]
fn a_known_name_takes_its_own_token() {
    let (server, database, api) = started();
    let (id, token) = api.register("one");
    let (_, other) = api.register("two");
    let before = known(server, &database);
    let refused = [
        register(&api, REGISTRATION_SECRET, None, &named("one")),
        register(&api, REGISTRATION_SECRET, Some(&other), &named("one")),
        register(&api, REGISTRATION_SECRET, Some("garbage"), &named("one")),
        register(&api, REGISTRATION_SECRET, Some(&Forge::of_another_key(&id)), &named("one")),
        register(&api, REGISTRATION_SECRET, Some(&Forge::ours().ended_days_ago(&id, 31)), &named("one")),
    ];
    for answer in refused {
        assert_eq!((answer.status, &answer.json()["code"]), (409, &json!("name_taken")), "{answer:?}");
    }
    assert_eq!(known(server, &database), before, "nothing changed");

    for own in [token.clone(), Forge::ours().ended_days_ago(&id, 29)] {
        let again = register(
            &api,
            REGISTRATION_SECRET,
            Some(&own),
            &json!({ "name": "one", "hostname": "moved.example" }),
        );
        assert_eq!((again.status, &again.json()["collector_id"]), (201, &json!(id)), "{again:?}");
    }
    let host: String = server.one(&database, "select hostname from collectors where name = 'one'");
    assert_eq!(host, "moved.example");
    assert_eq!(api.push(&token, &batch(&id, &[])).status, 200, "its earlier token stays good");
}

#[test]
fn an_admin_may_let_a_name_register_once_more() {
    let (server, database, api) = started();
    let (id, token) = api.register("one");
    let allow = |name: &str| api.command(&["admin", "allow-registration", name]).output().unwrap();
    let unknown = allow("nobody");
    assert!(!unknown.status.success() && String::from_utf8_lossy(&unknown.stderr).contains("nobody"));
    assert!(allow("one").status.success());
    let again = register(&api, REGISTRATION_SECRET, None, &named("one"));
    assert_eq!((again.status, &again.json()["collector_id"]), (201, &json!(id)));
    assert_eq!(known(server, &database)[0].1, 2, "a new epoch");
    assert_eq!(api.push(&token, &batch(&id, &[])).status, 401, "the token from before has ended");
    let new = again.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(api.push(&new, &batch(&id, &[])).status, 200);
    assert_eq!(register(&api, REGISTRATION_SECRET, None, &named("one")).status, 409, "once");
}

#[test]
fn an_allowance_ends() {
    let (server, database, api) = started();
    api.register("one");
    assert!(api.command(&["admin", "allow-registration", "one"]).output().unwrap().status.success());
    let over = "update collectors set reregister_until = reregister_until - interval '61 minutes'";
    server.sql(&database, over);
    assert_eq!(register(&api, REGISTRATION_SECRET, None, &named("one")).status, 409);
}

#[test]
fn what_is_told_is_looked_at() {
    let (server, database, api) = started();
    let long = "x".repeat(256);
    for (body, field) in [
        (json!({ "hostname": "h" }), "name"),
        (json!({ "name": "n" }), "hostname"),
        (json!({ "name": 1, "hostname": "h" }), "name"),
        (json!([]), ""),
        (json!({ "name": "", "hostname": "h" }), "name"),
        (json!({ "name": " ", "hostname": "h" }), "name"),
        (json!({ "name": long, "hostname": "h" }), "name"),
        (json!({ "name": "a\u{7}b", "hostname": "h" }), "name"),
        (json!({ "name": "n", "hostname": "a\nb" }), "hostname"),
        (json!({ "name": "n", "hostname": "h", "version": "\u{0}" }), "version"),
        (json!({ "name": "n", "hostname": "h", "address": "a\tb" }), "address"),
    ] {
        let answer = register(&api, REGISTRATION_SECRET, None, &body);
        assert_eq!(answer.status, 422, "{body}: {answer:?}");
        assert_eq!(
            answer.json()["details"]["field"].as_str().unwrap_or_default(),
            field,
            "{body}: {answer:?}"
        );
    }
    let cut = api.post(
        "/api/v1/collectors/register",
        &[("X-Registration-Secret", REGISTRATION_SECRET)],
        b"{\"name\"",
    );
    assert_eq!(cut.status, 422);
    let long = api.post(
        "/api/v1/collectors/register",
        &[("X-Registration-Secret", REGISTRATION_SECRET)],
        &[b' '; 70_000],
    );
    assert_eq!((long.status, &long.json()["code"]), (413, &json!("too_large")), "{long:?}");
    assert!(known(server, &database).is_empty());
    let fine = json!({ "name": "sh\u{f6}p \u{26c4}", "hostname": "h", "address": "db1.example", "version": "3.3.0", "more": 1 });
    assert_eq!(register(&api, REGISTRATION_SECRET, None, &fine).status, 201);
}

#[test]
fn of_many_at_once_one_gets_the_name() {
    let (server, database, api) = started();
    for round in 0..5 {
        let name = format!("contested {round}");
        let answers: Vec<u16> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| register(&api, REGISTRATION_SECRET, None, &named(&name)).status))
                .collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(answers.iter().filter(|status| **status == 201).count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|status| **status == 409).count(), 7, "{answers:?}");
    }
    assert_eq!(known(server, &database).len(), 5);
}
