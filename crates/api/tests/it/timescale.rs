//! With TimescaleDB in the database: families are hypertables, and all else is as without it. `scripts/test-timescale`
//! runs these; in other runs they are skipped, and say so.

use std::collections::BTreeSet;
use std::io::Write;

use bed::api::Api;
use bed::cluster::shared;
use bed::majors;
use jiff::Timestamp;
use pganalytics_api::family::FAMILIES;
use pganalytics_api::retention::Retention;
use pganalytics_api::store::partitions::{self, Round};
use pganalytics_api::store::pool;
use postgres::{Client, NoTls};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::stored::{EACH, days_ago, exactly_in, rich, rows_in};

/// A database of a test's own on the server that was given, dropped with it.
struct Place {
    dsn: String,
    name: String,
}

impl Place {
    /// With the extension in `schema`, unless that is empty. `None`: there is no such server.
    fn new(test: &str, schema: &str) -> Option<Place> {
        let Ok(dsn) = std::env::var("PGA_TIMESCALE_DSN") else {
            // Past what the test program captures.
            let line =
                format!("skipped: timescale::{test} needs PGA_TIMESCALE_DSN, see scripts/test-timescale\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            return None;
        };
        let name = format!("pga_{test}_{}", std::process::id());
        let place = Place { dsn, name };
        place.on_server(&format!("drop database if exists {}", place.name));
        place.on_server(&format!("create database {}", place.name));
        if !schema.is_empty() {
            let create =
                format!("create schema if not exists {schema}; create extension timescaledb schema {schema}");
            place.conn().batch_execute(&create).unwrap();
        }
        Some(place)
    }

    fn url(&self) -> String {
        let (base, query) = self.dsn.split_once('?').unwrap_or((&self.dsn, ""));
        let (server, _) = base.rsplit_once('/').unwrap();
        format!("{server}/{}?{query}", self.name)
    }

    fn conn(&self) -> Client {
        Client::connect(&self.url(), NoTls).unwrap()
    }

    fn on_server(&self, sql: &str) {
        Client::connect(&self.dsn, NoTls).unwrap().batch_execute(sql).unwrap();
    }

    fn one(&self, sql: &str) -> i64 {
        self.conn().query_one(sql, &[]).unwrap().get(0)
    }

    fn api(&self, settings: &[(&str, &str)]) -> Api {
        let mut api = Api::prepare(&self.url(), settings);
        api.launch();
        api.healthy();
        api.tended();
        api
    }

    fn upkeep(&self, retention: &str) -> Round {
        let work = async {
            let mut client = pool::single(&SecretString::from(self.url())).await.unwrap();
            let retention = Retention::parse(retention).unwrap();
            partitions::upkeep(&mut client, &retention, 30, Timestamp::now()).await.unwrap().unwrap()
        };
        tokio::runtime::Runtime::new().unwrap().block_on(work)
    }

    /// Chunks of a hypertable that hold this moment.
    fn chunks(&self, table: &str, at: Timestamp) -> i64 {
        self.one(&format!(
            "select count(*) from timescaledb_information.chunks where hypertable_name = '{table}' \
             and range_start <= '{at}' and range_end > '{at}' and range_end - range_start = interval '1 day'"
        ))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.on_server(&format!("drop database {} with (force)", self.name));
        }
    }
}

#[track_caller]
fn stored(answer: &bed::api::Answer) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let reply = answer.json();
    assert_eq!((&reply["duplicate"], &reply["refused"]), (&json!(false), &json!([])), "{answer:?}");
}

#[test]
fn families_are_hypertables_wherever_the_extension_is() {
    for schema in ["public", "elsewhere"] {
        let Some(place) = Place::new("families_are_hypertables_wherever_the_extension_is", schema) else {
            return;
        };
        let api = place.api(&[]);
        let sql = "select hypertable_name::text from timescaledb_information.hypertables";
        let hyper: BTreeSet<String> =
            place.conn().query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect();
        assert_eq!(hyper, FAMILIES.iter().map(|family| family.table.to_owned()).collect(), "{schema}");
        let (id, token) = api.register("one");
        stored(&api.push(&token, &rich(&id, days_ago(20))));
        exactly_in(&mut place.conn(), 1);
        assert_eq!(place.upkeep("10").dropped, 7, "{schema}: a day of each but the rare");
    }
}

/// The same batch is read again as from a server without the extension.
#[test]
fn what_is_pushed_is_read_as_without_it() {
    let Some(place) = Place::new("what_is_pushed_is_read_as_without_it", "public") else { return };
    let server = shared(*majors().last().unwrap());
    let plain = Api::start(server, &server.fresh_database("plain"), &[]);
    let at = Timestamp::now();
    let read = |api: &Api| {
        let (id, token) = api.register("one");
        stored(&api.push(&token, &rich(&id, at)));
        let since = days_ago(1);
        ["".to_owned(), format!("?start_time={since}"), "?type=pg_replication".to_owned()].map(|query| {
            let mut page = api.get(&format!("/api/v1/metrics{query}"), Some(&token)).json();
            for metric in page["metrics"].as_array_mut().unwrap() {
                let metric = metric.as_object_mut().unwrap();
                assert_eq!(metric.remove("collector_id"), Some(Value::from(id.as_str())));
                // The head says when it was made, and that differs by nothing but the batch.
                metric.remove("id");
            }
            page
        })
    };
    let [with, without] = [&place.api(&[]), &plain].map(read);
    assert_eq!(with, without);
    assert_eq!((&with[0]["total"], &with[2]["total"]), (&json!(5), &json!(1)), "{with:?}");
    assert_eq!(with[2]["metrics"][0]["data"]["replication_slots"].as_array().unwrap().len(), 2);
}

#[test]
fn late_rows_get_their_chunk_on_demand() {
    let Some(place) = Place::new("late_rows_get_their_chunk_on_demand", "public") else { return };
    let api = place.api(&[]);
    let (id, token) = api.register("one");
    let at = days_ago(20);
    for family in FAMILIES {
        assert_eq!(place.chunks(family.table, at), 0, "{}", family.table);
    }
    stored(&api.push(&token, &rich(&id, at)));
    exactly_in(&mut place.conn(), 1);
    for family in FAMILIES {
        assert_eq!(place.chunks(family.table, at), 1, "{}", family.table);
    }
}

/// Every day is new to both replicas at once.
#[test]
fn two_replicas_make_chunks_at_once_and_store_each_batch_once() {
    let Some(place) = Place::new("two_replicas_make_chunks_at_once_and_store_each_batch_once", "public")
    else {
        return;
    };
    let replicas = [(); 2].map(|()| place.api(&[]));
    let (id, token) = replicas[0].register("one");
    let batches: Vec<Value> = (0..24).map(|n| rich(&id, days_ago(n % 12))).collect();
    let news: usize = std::thread::scope(|scope| {
        let pushers: Vec<_> = (0..6)
            .map(|n| {
                let (replicas, token, batches) = (&replicas, &token, &batches);
                scope.spawn(move || {
                    let order = (0..batches.len()).map(|at| (at * 5 + n * 4) % batches.len());
                    let answers = order.map(|at| replicas[n % 2].push(token, &batches[at]));
                    answers
                        .filter(|answer| {
                            assert_eq!(answer.status, 200, "{answer:?}");
                            answer.json()["duplicate"] == false
                        })
                        .count()
                })
            })
            .collect();
        pushers.into_iter().map(|pusher| pusher.join().unwrap()).sum()
    });
    assert_eq!(news, batches.len());
    exactly_in(&mut place.conn(), batches.len() as i64);
}

#[test]
fn what_is_old_goes_by_chunks_unless_somebody_reads_it() {
    let Some(place) = Place::new("what_is_old_goes_by_chunks_unless_somebody_reads_it", "public") else {
        return;
    };
    let api = place.api(&[]);
    let (id, token) = api.register("one");
    for days in [0, 5, 20, 21] {
        stored(&api.push(&token, &rich(&id, days_ago(days))));
    }
    let mut reader = place.conn();
    reader.batch_execute("begin; select count(*) from query_stats").unwrap();
    let round = std::thread::scope(|scope| {
        let round = scope.spawn(|| place.upkeep("30,query_stats=10,table_stats=2"));
        while !round.is_finished() {
            stored(&api.push(&token, &rich(&id, days_ago(0))));
        }
        round.join().unwrap()
    });
    assert_eq!((round.dropped, round.postponed), (3, 1), "table_stats alone, query_stats is read");
    reader.batch_execute("commit").unwrap();
    let round = place.upkeep("30,query_stats=10,table_stats=2");
    assert_eq!((round.dropped, round.postponed), (2, 0));
    let pushed = place.one("select count(*) from batches");
    let there = rows_in(&mut place.conn());
    for (table, each) in EACH {
        let gone = match table {
            "query_stats" => 2,
            "table_stats" => 3,
            _ => 0,
        };
        assert_eq!(there[table], each * (pushed - gone), "{table}");
    }
}

#[test]
fn a_restart_finds_everything_as_it_was() {
    let Some(place) = Place::new("a_restart_finds_everything_as_it_was", "public") else { return };
    let mut api = place.api(&[]);
    let (id, token) = api.register("one");
    let batch = rich(&id, days_ago(1));
    stored(&api.push(&token, &batch));
    api.kill9();
    api.launch();
    api.healthy();
    assert!(api.log().contains("0 migrations applied now"), "{}", api.log());
    assert_eq!(api.push(&token, &batch).json()["duplicate"], true);
    stored(&api.push(&token, &rich(&id, days_ago(0))));
    exactly_in(&mut place.conn(), 2);
}

/// The schema was there before the extension: its tables stay the server's own partitions, and work.
#[test]
fn an_extension_that_comes_later_changes_nothing() {
    let Some(place) = Place::new("an_extension_that_comes_later_changes_nothing", "") else { return };
    let api = place.api(&[]);
    let (id, token) = api.register("one");
    stored(&api.push(&token, &rich(&id, days_ago(20))));
    place.conn().batch_execute("create extension timescaledb").unwrap();
    stored(&api.push(&token, &rich(&id, days_ago(19))));
    exactly_in(&mut place.conn(), 2);
    assert_eq!(place.one("select count(*) from timescaledb_information.hypertables"), 0);
    assert_eq!(place.upkeep("10").dropped, 14);
}

/// docs/BACKUP.md: dumped as everywhere, restored by the lines that this extension needs, and a backend goes on there.
#[test]
fn a_dump_is_restored_and_pushes_go_on() {
    let Some(place) = Place::new("a_dump_is_restored_and_pushes_go_on", "public") else { return };
    let owner = format!("{}_owner", place.name);
    place.on_server(&format!("drop role if exists {owner}; create role {owner} login"));
    place.on_server(&format!("alter database {} owner to {owner}", place.name));
    let backend = |place: &Place| {
        let (_, host) = place.url().split_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let mut api = Api::prepare(&format!("postgresql://{owner}@{host}"), &[]);
        api.launch();
        api.healthy();
        api.tended();
        api
    };
    let mut api = backend(&place);
    let (id, token) = api.register("one");
    let batch = rich(&id, days_ago(3));
    stored(&api.push(&token, &batch));
    let before = rows_in(&mut place.conn());
    api.kill9();

    let restored = Place { dsn: place.dsn.clone(), name: format!("{}_r", place.name) };
    type_the_document(&place, &restored, &owner);
    assert_eq!(rows_in(&mut restored.conn()), before);
    let hyper = "select count(*) from timescaledb_information.hypertables";
    assert_eq!(restored.one(hyper), FAMILIES.len() as i64);
    let mut api = backend(&restored);
    assert_eq!(api.push(&token, &batch).json()["duplicate"], true);
    stored(&api.push(&token, &rich(&id, days_ago(0))));
    exactly_in(&mut restored.conn(), 2);
    api.kill9();
    let dsn = place.dsn.clone();
    drop((place, restored));
    Client::connect(&dsn, NoTls).unwrap().batch_execute(&format!("drop role {owner}")).unwrap();
}

/// The dump, and then what docs/BACKUP.md has for this extension, into a database of another name than there.
#[track_caller]
fn type_the_document(place: &Place, restored: &Place, owner: &str) {
    let document = std::fs::read_to_string(bed::top().join("docs/BACKUP.md")).unwrap();
    let (_, block) =
        document.split_once("<!-- run by crates/api/tests/it/timescale.rs -->\n```sh\n").unwrap();
    let (typed, _) = block.split_once("```").unwrap();
    let typed = format!("pg_dump --format=custom --file=pganalytics.dump \"$DIRECT_DATABASE_URL\"\n{typed}")
        .replace("pganalytics_restored", &restored.name);
    let tree = bed::top().join("target/pg/timescale/bin");
    let output = std::process::Command::new("bash")
        .args(["-euo", "pipefail", "-c", &typed])
        .env("PATH", format!("{}:/usr/bin:/bin", tree.display()))
        .envs([("DIRECT_DATABASE_URL", place.url()), ("RESTORED_URL", restored.url())])
        .envs([("ADMIN_URL", place.dsn.as_str()), ("OWNER", owner)])
        .current_dir(bed::warden::fresh_dir("timescale-backup"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_panel_answers_with_the_switch_of_the_data_source() {
    let Some(place) = Place::new("every_panel_answers_with_the_switch_of_the_data_source", "public") else {
        return;
    };
    crate::dashboards::check_on_timescale(&place.url());
}
