//! Which tokens count, and how an old one becomes a new one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use bed::api::{Api, KEY};
use bed::cluster::shared;
use bed::majors;
use bed::poll::{LONG, eventually};
use jiff::{SignedDuration, Timestamp};
use pganalytics_api::token::Keys;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::batch::batch;
use crate::scrape::figure;

/// Signs tokens as the backend would have at another time.
pub(crate) struct Forge(Keys);

impl Forge {
    pub(crate) fn ours() -> Forge {
        Forge(Keys::new(&KEY.into(), &[]))
    }

    pub(crate) fn of_another_key(id: &str) -> String {
        let keys = Keys::new(&"another key that is long enough as well".into(), &[]);
        keys.issue(Uuid::parse_str(id).unwrap(), 1, Timestamp::now()).unwrap().0
    }

    /// A token's life is 30 days.
    pub(crate) fn ended_days_ago(&self, id: &str, days: i64) -> String {
        self.issued_days_ago(id, 30 + days, 1)
    }

    pub(crate) fn issued_days_ago(&self, id: &str, days: i64, epoch: i32) -> String {
        let then = Timestamp::now() - SignedDuration::from_hours(24 * days);
        self.0.issue(Uuid::parse_str(id).unwrap(), epoch, then).unwrap().0
    }
}

fn refresh(api: &Api, token: &str) -> (u16, Value) {
    let bearer = format!("Bearer {token}");
    let answer = api.post("/api/v1/collectors/refresh-token", &[("Authorization", &bearer)], b"{}");
    (answer.status, answer.json())
}

#[test]
fn a_refresh_gives_a_new_one_and_the_old_one_stays() {
    let server = shared(*majors().last().unwrap());
    let api = Api::start(server, &server.fresh_database("tokens"), &[]);
    let (id, token) = api.register("one");
    let (status, reply) = refresh(&api, &Forge::ours().issued_days_ago(&id, 20, 1));
    assert_eq!(status, 200);
    let until: Timestamp = reply["expires_at"].as_str().unwrap().parse().unwrap();
    let days = (until - Timestamp::now()).total(jiff::Unit::Hour).unwrap() / 24.0;
    assert!((29.9..=30.0).contains(&days), "{days}");
    let new = reply["token"].as_str().unwrap();
    assert_eq!(api.push(new, &batch(&id, &[])).status, 200);
    assert_eq!(api.push(&token, &batch(&id, &[])).status, 200, "earlier releases forget the new one");
}

#[test]
fn an_outage_of_a_month_needs_no_admin() {
    let server = shared(*majors().last().unwrap());
    let api = Api::start(server, &server.fresh_database("tokens"), &[]);
    let (id, _) = api.register("one");
    let expired = Forge::ours().ended_days_ago(&id, 29);
    let pushed = api.push(&expired, &batch(&id, &[]));
    assert_eq!((pushed.status, &pushed.json()["message"]), (401, &json!("the token has expired")));
    let (status, reply) = refresh(&api, &expired);
    assert_eq!(status, 200);
    assert_eq!(api.push(reply["token"].as_str().unwrap(), &batch(&id, &[])).status, 200);
    assert_eq!(refresh(&api, &Forge::ours().ended_days_ago(&id, 31)).0, 401);
    // Its life, its grace, and half a minute for clocks that differ.
    assert_eq!(refresh(&api, &Forge::ours().ended_days_ago(&id, 30)).0, 200);
}

#[test]
fn what_does_not_count_is_told_and_counted() {
    let server = shared(*majors().last().unwrap());
    let api = Api::start(server, &server.fresh_database("tokens"), &[]);
    let (id, token) = api.register("one");
    let part = |n: usize| token.split('.').nth(n).unwrap();
    let none = BASE64.encode(r#"{"typ":"JWT","alg":"none"}"#);
    let claims = |change: &dyn Fn(&mut Value)| {
        let mut claims: Value = serde_json::from_slice(&BASE64.decode(part(1)).unwrap()).unwrap();
        change(&mut claims);
        format!("{}.{}.{}", part(0), BASE64.encode(claims.to_string()), part(2))
    };
    let nobody = Uuid::now_v7().to_string();
    let wrong = [
        String::new(),
        "garbage".to_owned(),
        "a.b.c".to_owned(),
        token[..token.len() - 3].to_owned(),
        format!("{none}.{}.", part(1)),
        format!("{none}.{}.{}", part(1), part(2)),
        claims(&|claims| claims["exp"] = json!(i64::MAX)),
        claims(&|claims| claims["aud"] = json!("user")),
        Forge::of_another_key(&id),
        Forge::ours().issued_days_ago(&id, 0, 2),
        Forge::ours().issued_days_ago(&nobody, 0, 1),
        Forge::ours().ended_days_ago(&id, 1),
    ];
    let before = figure(&api, "pganalytics_auth_failures_total");
    for token in &wrong {
        let answer = api.push(token, &batch(&id, &[]));
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{token}");
        assert!(token.is_empty() || !answer.text.contains(token.as_str()), "{}", answer.text);
    }
    for scheme in ["Basic", "bearer-ish"] {
        let headers = format!("{scheme} {token}");
        let answer = api.post("/api/v1/metrics/push", &[("Authorization", &headers)], b"{}");
        assert_eq!(answer.status, 401, "{scheme}");
    }
    assert_eq!(api.post("/api/v1/metrics/push", &[], b"{}").status, 401);
    let counted = figure(&api, "pganalytics_auth_failures_total") - before;
    assert_eq!(counted, wrong.len() as f64 + 3.0);
}

#[test]
fn tokens_end_with_their_collector() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("tokens");
    let api = Api::start(server, &database, &[]);
    let (id, token) = api.register("one");
    assert_eq!(api.push(&token, &batch(&id, &[])).status, 200);
    server.sql(&database, "delete from collectors");
    // A collector is remembered for ten seconds.
    eventually(LONG, || match api.push(&token, &batch(&id, &[])).status {
        401 => Ok(()),
        other => Err(other),
    });
}
