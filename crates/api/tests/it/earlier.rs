//! Collectors of release 3.3.0: plain JSON without ids, parts or servers, and a refresh before each push.

use bed::api::Api;
use bed::cluster::shared;
use bed::majors;
use serde_json::json;

use crate::batch::now;

#[test]
fn their_pushes_are_stored_once_and_read() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("earlier");
        let api = Api::start(server, &database, &[]);
        let (_, token) = api.register("one");
        let bearer = format!("Bearer {token}");
        let refreshed = api.post("/api/v1/collectors/refresh-token", &[("Authorization", &bearer)], b"");
        assert_eq!(refreshed.status, 200);
        let sent = json!({
            "collector_id": "collector-001", "hostname": "old.example", "timestamp": now(), "version": "3.3.0",
            "metrics_count": 3, "metrics": [
                { "type": "pg_stats", "timestamp": now(), "database": "shop",
                  "tables": [{ "schema": "public", "name": "t", "live_tuples": "many", "seq_scan": 7 }] },
                { "type": "pg_query_stats", "timestamp": now(), "database": "shop",
                  "queries": [{ "hash": 12345, "calls": 3, "text": "select 1" }] },
                { "type": "sysstat", "timestamp": "a while ago", "cpu": { "user": 1.5 } },
            ],
        });
        // It keeps the new token in memory only, and goes on with the old one after a restart.
        let new = refreshed.json()["token"].as_str().unwrap().to_owned();
        let first = api.push(&new, &sent);
        assert_eq!((first.status, &first.json()["metrics_inserted"]), (200, &json!(3)), "{major}: {first:?}");
        let again = api.push(&token, &sent).json();
        assert_eq!((&again["duplicate"], &again["batch_id"]), (&json!(true), &first.json()["batch_id"]));
        let page = api.get("/api/v1/metrics", Some(&token)).json();
        assert_eq!(page["total"], 3);
        let of = |kind: &str| {
            page["metrics"].as_array().unwrap().iter().find(|m| m["type"] == kind).unwrap().clone()
        };
        assert_eq!(
            of("pg_stats")["data"]["tables"],
            sent["metrics"][0]["tables"],
            "what fits no column stays"
        );
        assert_eq!(of("pg_query_stats")["data"]["queries"], sent["metrics"][1]["queries"]);
        assert_eq!(of("pg_stats")["server"], "old.example");
        let when = (&of("sysstat")["data"]["timestamp"], of("sysstat")["timestamp"].clone());
        assert_eq!(
            when,
            (&json!("a while ago"), sent["timestamp"].clone()),
            "the batch's own time stands in"
        );
        let rest: String = server.one(&database, "select rest::text from table_stats");
        assert_eq!(rest, r#"{"seq_scan": 7, "live_tuples": "many"}"#);
    }
}
