//! The database goes away, in whatever way, or this program does: pushes are refused with a time to come again, each batch
//! that is repeated is there once and whole, and everything is well again without anybody's help.

mod database;
mod limits;
mod network;
mod process;
mod restore;
mod slow;

use std::time::Duration;

use bed::api::{Answer, Api, post_to};
use bed::cluster::Cluster;
use bed::poll::{LONG, eventually};
use serde_json::Value;

fn try_push(url: &str, token: &str, batch: &Value) -> Result<Answer, String> {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    post_to(url, "/api/v1/metrics/push", &headers, batch.to_string().as_bytes())
}

/// Not now, and when to come again.
#[track_caller]
fn later(answer: &Answer) {
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("10")), "{answer:?}");
    assert_eq!(answer.json()["code"], "unavailable", "{answer:?}");
}

/// Repeats a push as a collector does, until it is acknowledged. Whether it was there before.
#[track_caller]
fn delivered(api: &Api, token: &str, batch: &Value) -> bool {
    let answer = eventually(2 * LONG, || match try_push(&api.url(), token, batch) {
        Ok(answer) if answer.status == 200 => Ok(answer),
        Ok(answer) => {
            later(&answer);
            std::thread::sleep(Duration::from_millis(50));
            Err(answer.text)
        }
        Err(e) => Err(e),
    });
    assert_eq!(answer.json()["batch_id"], batch["batch_id"], "{answer:?}");
    answer.json()["duplicate"].as_bool().unwrap()
}

/// A figure of the exposition.
#[track_caller]
fn figure(api: &Api, name: &str) -> f64 {
    let text = api.get("/metrics", Some(bed::api::SCRAPE_TOKEN)).text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

#[track_caller]
fn health(api: &Api, status: u16, word: &str) {
    eventually(LONG, || match api.get("/api/v1/health", None) {
        answer if answer.status == status && answer.json()["status"] == word => Ok(()),
        other => Err((other, api.log())),
    });
}

/// A push of this collector waits behind a lock that somebody else holds: everything but its last row is written.
#[track_caller]
fn held(server: &Cluster, database: &str) {
    let sql = format!(
        "select count(*) from pg_stat_activity where datname = '{database}' and wait_event_type = 'Lock' \
         and query like 'update collectors%'"
    );
    eventually(LONG, || match server.one::<i64>("postgres", &sql) {
        0 => Err("nobody waits"),
        _ => Ok(()),
    });
}

const HOLD: &str = "begin; select from collectors for update";
