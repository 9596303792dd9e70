//! Texts of statements, and what a push costs where there are many: rows are found by index, whatever else is there.

use bed::api::{Answer, Api, url};
use bed::cluster::{Cluster, shared};
use bed::majors;
use bed::poll::{LONG, eventually};
use jiff::Timestamp;
use pganalytics_api::retention::Retention;
use pganalytics_api::store::{partitions, pool};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::batch::{batch, item};
use crate::stored::{days_ago, rich};

/// Rows of these statements without their texts, each item of a server of its own.
fn bare(collector: &str, hashes: std::ops::Range<i64>) -> Value {
    let items = ["main", "\u{e9}t\u{e9}", "Other"].map(|server| {
        let queries: Vec<Value> = hashes.clone().map(|hash| json!({ "hash": hash.to_string() })).collect();
        let mut item = item("pg_query_stats", Some("shop"), json!({ "queries": queries }));
        item["server"] = server.into();
        item
    });
    batch(collector, &items)
}

#[track_caller]
fn wants(answer: &Answer) -> Vec<(String, i64)> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let wants = answer.json()["want_texts"].as_array().unwrap().clone();
    let text = |want: &Value, name: &str| want[name].as_str().unwrap().to_owned();
    wants.iter().map(|want| (text(want, "server"), text(want, "queryid").parse().unwrap())).collect()
}

fn texts(server: &Cluster, database: &str, place: &str) -> i64 {
    server.one(database, &format!("select count(*) from query_texts where {place}"))
}

#[test]
fn a_text_that_is_mentioned_is_marked_and_one_that_is_not_goes() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("texts");
        let api = Api::start(server, &database, &[]);
        let (id, token) = api.register("one");
        api.tended();
        server.sql(
            &database,
            "insert into query_texts (collector_id, server, hash, text, seen_on) \
             select id, s, h, 'select', current_date - 40 from collectors, unnest(array['main', 'Other']) s \
             , generate_series(1, 10) h",
        );
        // Another push, or upkeep, has hold of one: nobody waits for that.
        let mut holder = server.conn(&database);
        holder
            .batch_execute("begin; select from query_texts where hash = 3 and server = 'main' for update")
            .unwrap();
        let wanted = wants(&api.push(&token, &bare(&id, 1..6)));
        assert_eq!(
            wanted,
            (1..6).map(|hash| ("\u{e9}t\u{e9}".to_owned(), hash)).collect::<Vec<_>>(),
            "{major}"
        );
        holder.batch_execute("commit").unwrap();
        assert_eq!(
            texts(server, &database, "seen_on = current_date and hash < 6"),
            9,
            "{major}: all but that one"
        );
        // What is remembered is not looked up, and so not marked, again within the minute.
        wants(&api.push(&token, &bare(&id, 3..4)));
        assert_eq!(texts(server, &database, "seen_on = current_date"), 9, "{major}");
        server.sql(&database, "update query_texts set seen_on = current_date where hash = 3");

        // One that comes with its text each time is marked all the same.
        let mut again = bare(&id, 10..11);
        again["metrics"][0]["queries"][0]["text"] = "select".into();
        wants(&api.push(&token, &again));
        assert_eq!(texts(server, &database, "seen_on = current_date and hash = 10 and server = 'main'"), 1);
        server.sql(&database, "update query_texts set seen_on = current_date - 40 where hash = 10");

        // Upkeep waits for nobody either.
        holder
            .batch_execute("begin; select from query_texts where hash = 7 and server = 'main' for update")
            .unwrap();
        assert_eq!((upkeep(server, &database), texts(server, &database, "hash >= 6")), (9, 1), "{major}");
        holder.batch_execute("commit").unwrap();
        assert_eq!((upkeep(server, &database), texts(server, &database, "true")), (1, 10), "{major}");
        server.sql(
            &database,
            "insert into query_texts select collector_id, 's', h, '', now(), current_date - 40 \
             from generate_series(1, 12000) h, (select collector_id from query_texts limit 1) c",
        );
        assert_eq!((upkeep(server, &database), texts(server, &database, "true")), (12_000, 10), "{major}");
    }
}

/// Rows that a round forgets.
fn upkeep(server: &Cluster, database: &str) -> u64 {
    let url = url(server.port(), database);
    let work = async {
        let mut client = pool::single(&SecretString::from(url)).await.unwrap();
        partitions::upkeep(&mut client, &Retention::default(), 30, Timestamp::now()).await.unwrap()
    };
    tokio::runtime::Runtime::new().unwrap().block_on(work).unwrap().forgotten
}

/// A hundred answers' worth is asked for at a time.
#[test]
fn more_texts_than_one_answer_holds_are_asked_for_in_turns() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("wants");
    let api = Api::start(server, &database, &[]);
    let (id, token) = api.register("one");
    let wanted = wants(&api.push(&token, &bare(&id, 0..60)));
    assert_eq!(wanted.len(), 100);
    let texted = |(server, hash): &(String, i64)| {
        let queries = json!([{ "hash": hash.to_string(), "text": format!("select {hash}") }]);
        let mut item = item("pg_query_stats", Some("shop"), json!({ "queries": queries }));
        item["server"] = server.as_str().into();
        item
    };
    let items: Vec<Value> = wanted.iter().map(texted).collect();
    assert_eq!(wants(&api.push(&token, &batch(&id, &items))), []);
    let rest = wants(&api.push(&token, &bare(&id, 0..60)));
    assert_eq!(rest.len(), 80, "of 180");
    assert!(rest.iter().all(|want| !wanted.contains(want)));
}

/// Scans of whole tables so far, and by index.
fn scans(server: &Cluster, database: &str, table: &str) -> (i64, i64) {
    let sql = "select seq_scan, idx_scan from pg_stat_user_tables where relname = $1";
    let row = server.conn(database).query_one(sql, &[&table]).unwrap();
    (row.get(0), row.get(1))
}

#[test]
fn a_push_finds_its_rows_by_index_among_many() {
    const TABLES: [&str; 4] = ["query_texts", "latest", "collectors", "batches"];
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("many");
        let api = Api::start(server, &database, &[]);
        let (id, token) = api.register("one");
        server.sql(
            &database,
            &format!(
                "insert into query_texts (collector_id, server, hash, text, seen_on) \
                 select '{id}', 'main', h, repeat('select ', 20), current_date - 1 from generate_series(1, 100000) h; \
                 insert into latest select '{id}', 'pg_' || n, 'main', 'd' || n, now(), n from generate_series(1, 100000) n; \
                 insert into collectors (id, name, hostname) select gen_random_uuid(), 'c' || n, 'h' \
                 from generate_series(1, 20000) n; \
                 insert into batches (collector_id, batch_id, \"timestamp\", bytes, items, records) \
                 select '{id}', 'b' || n, now(), 1, 1, 1 from generate_series(1, 100000) n; analyze"
            ),
        );
        let before = TABLES.map(|table| scans(server, &database, table));
        const PUSHES: i64 = 20;
        for n in 0..PUSHES {
            let answer = api.push(&token, &bare(&id, 1000 * n..1000 * n + 200));
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(api.push(&token, &rich(&id, days_ago(0))).status, 200);
        }
        for (table, (whole, by_index)) in TABLES.into_iter().zip(before) {
            let (now_whole, now_by_index) = eventually(LONG, || match scans(server, &database, table) {
                now if now.1 >= by_index + PUSHES || now.0 > whole => Ok(now),
                // What a session counted is told when its next transaction ends.
                now => {
                    api.get("/api/v1/health", None);
                    Err((table, now))
                }
            });
            assert_eq!(now_whole, whole, "{major}: {table} was read whole, {now_by_index} by index");
        }
        let touched = "seen_on = current_date and server = 'main' and hash between 1 and 20000";
        assert!(texts(server, &database, touched) >= 200 * PUSHES - 1, "{major}");
    }
}
