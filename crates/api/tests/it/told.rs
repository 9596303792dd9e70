//! What the log tells, and what it never does; and how the program ends.

use bed::api::Signal;
use bed::api::{Api, KEY, REGISTRATION_SECRET, SCRAPE_TOKEN};
use bed::cluster::shared;
use bed::majors;
use bed::poll::{LONG, eventually};
use serde_json::{Value, json};

use crate::batch::{batch, item};

#[test]
fn lines_are_json_with_the_requests_id_and_without_secrets() {
    let server = shared(*majors().last().unwrap());
    let api = Api::start(server, &server.fresh_database("told"), &[("LOG_LEVEL", "trace")]);
    let (id, token) = api.register("one");
    let words = "words-of-a-statement";
    let sent = batch(
        &id,
        &[item("pg_query_stats", Some("d"), json!({ "queries": [{ "hash": "1", "text": words }] }))],
    );
    let pushed = api.push(&token, &sent);
    assert_eq!(pushed.status, 200);
    let bearer = format!("Bearer {token}");
    let refreshed = api.post("/api/v1/collectors/refresh-token", &[("Authorization", &bearer)], b"{}");
    let new = refreshed.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(api.push(&token[1..], &sent).status, 401);
    assert_eq!(
        api.post("/api/v1/collectors/register", &[("X-Registration-Secret", "not-the-secret")], b"{}").status,
        401
    );
    api.get("/metrics", Some(SCRAPE_TOKEN));
    let log = api.log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let inserted = lines.iter().find(|line| {
        line["message"].as_str().unwrap_or_default().starts_with("Batch inserted: records=2 ms=")
    });
    let inserted = inserted.unwrap_or_else(|| panic!("{log}"));
    assert_eq!((&inserted["level"], &inserted["collector"]), (&json!("INFO"), &json!(id)));
    assert_eq!(inserted["span"]["id"].as_str(), pushed.header("x-request-id"), "{inserted}");
    for secret in [&token, &new, REGISTRATION_SECRET, "not-the-secret", SCRAPE_TOKEN, KEY, words, "Bearer"] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[test]
fn refused_pushes_and_failed_logins_are_told_with_who_came() {
    let server = shared(*majors().last().unwrap());
    let api = Api::start(
        server,
        &server.fresh_database("told"),
        &[("TRUSTED_PROXIES", "127.0.0.1"), ("LOG_LEVEL", "warn")],
    );
    let (id, token) = api.register("one");
    let bearer = format!("Bearer {token}");
    let forged = format!("{bearer}x");
    let mut wrong = batch(&id, &[]);
    wrong["timestamp"] = "sent-words".into();
    let wrong = wrong.to_string();
    let push = |token: &str, body: &str| {
        let headers = [
            ("Authorization", token),
            ("Content-Type", "application/json"),
            ("X-Forwarded-For", "203.0.113.9"),
        ];
        api.post("/api/v1/metrics/push", &headers, body.as_bytes())
    };
    let login = json!({ "username": "sent-name", "password": "sent-password" }).to_string();
    let refused = [
        push(&bearer, &wrong),
        push(&bearer, "sent-nonsense"),
        push(&forged, &wrong),
        api.post("/api/v1/auth/login", &[("X-Forwarded-For", "203.0.113.9")], login.as_bytes()),
    ];
    assert_eq!(push(&bearer, &batch(&id, &[]).to_string()).status, 200);
    let log = api.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let pushed = "a push was refused";
    let expected = [
        (pushed, 422, "invalid", json!(id), json!("timestamp")),
        (pushed, 422, "invalid", json!(id), Value::Null),
        (pushed, 401, "unauthorized", Value::Null, Value::Null),
        ("a login failed", 401, "unauthorized", Value::Null, Value::Null),
    ];
    assert_eq!(lines.len(), expected.len(), "{log}");
    for ((line, answer), (words, status, code, collector, field)) in lines.iter().zip(refused).zip(expected) {
        assert_eq!((&line["level"], &line["message"]), (&json!("WARN"), &json!(words)));
        assert_eq!((answer.status, &line["status"], &line["code"]), (status, &json!(status), &json!(code)));
        assert_eq!((&line["client"], &line["collector"]), (&json!("203.0.113.9"), &collector), "{line}");
        assert_eq!((&line["field"], line["span"]["id"].as_str()), (&field, answer.header("x-request-id")));
    }
    assert!(!log.contains("sent-") && !log.contains(&token), "{log}");
}

#[test]
fn an_id_that_is_fit_is_kept() {
    let server = shared(*majors().last().unwrap());
    let api = Api::start(server, &server.fresh_database("told"), &[]);
    let ask = |id: &str| {
        api.post("/api/v1/nowhere", &[("X-Request-Id", id)], b"").header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(ask("from-a-proxy_1.2"), "from-a-proxy_1.2");
    for unfit in ["a b", "{}", "", &"x".repeat(65)] {
        assert_ne!(ask(unfit), unfit);
    }
}

/// A push that waits for a lock is answered after the signal, while nobody new is let in.
#[test]
fn sigterm_lets_what_is_under_way_end() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("told");
    let mut api = Api::start(server, &database, &[]);
    let (id, token) = api.register("one");
    let mut holder = server.conn(&database);
    holder.batch_execute("begin; lock table latest in exclusive mode").unwrap();
    let sent = batch(&id, &[item("pg_wal", None, json!({}))]);
    std::thread::scope(|scope| {
        let push = scope.spawn(|| api.push(&token, &sent));
        let waiting = "select count(*) from pg_locks l join pg_database d on d.oid = l.database and d.datname = current_database() \
                       where not l.granted";
        eventually(LONG, || match server.one::<i64>(&database, waiting) {
            0 => Err("nobody waits for the lock"),
            _ => Ok(()),
        });
        api.signal(Signal::TERM);
        eventually(LONG, || api.try_get("/healthz", None).map_or(Ok(()), Err));
        holder.batch_execute("commit").unwrap();
        assert_eq!(push.join().unwrap().status, 200);
    });
    assert_eq!(api.wait(), Some(0), "{}", api.log());
    assert_eq!(server.one::<i64>(&database, "select count(*) from metrics"), 1);
}
