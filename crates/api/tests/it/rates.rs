//! Rates, from counters that were planted by pushes: resets, gaps, batches that come late, two servers of one collector, and
//! long spans, which are read at some moments only.

use bed::api::Api;
use bed::cluster::{Cluster, shared};
use bed::majors;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::batch::{batch, item};

struct Scene {
    server: &'static Cluster,
    database: String,
    api: Api,
    id: String,
    token: String,
    /// Minute 0. All of them lie in the past.
    start: Timestamp,
}

impl Scene {
    fn start(major: u32) -> Scene {
        let server = shared(major);
        let database = server.fresh_database("rates");
        let api = Api::start(server, &database, &[]);
        let (id, token) = api.register("one");
        let start = Timestamp::now() - SignedDuration::from_hours(30);
        let start = start.round(jiff::Unit::Minute).unwrap();
        Scene { server, database, api, id, token, start }
    }

    fn at(&self, minute: i64) -> Timestamp {
        self.start + SignedDuration::from_mins(minute)
    }

    /// A run of this minute.
    fn run(&self, minute: i64, mut items: Vec<Value>) {
        for item in &mut items {
            item["timestamp"] = self.at(minute).to_string().into();
        }
        let answer = self.api.push(&self.token, &batch(&self.id, &items));
        assert_eq!((answer.status, &answer.json()["refused"]), (200, &json!([])), "{answer:?}");
    }

    /// `minute growth seconds` of what this function tells of minutes `from` to `to`, in steps of so many seconds; `name` is
    /// the counter.
    fn rates(&self, name: &str, function: &str, [from, to, step]: [i64; 3], rest: &str) -> Vec<String> {
        let sql = format!(
            "select extract(epoch from \"timestamp\" - '{start}')::int / 60, {name}, seconds from {function}, '{since}', '{until}' \
             , interval '{step} s', array['{id}']::uuid[]{rest} order by \"timestamp\"",
            start = self.start,
            since = self.at(from),
            until = self.at(to),
            id = self.id,
        )
        .replace("(, ", "(");
        let rows =
            self.server.conn(&self.database).query(&sql, &[]).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        let told = |row: &postgres::Row| {
            let growth: Option<f64> = row.get(1);
            let growth = growth.map_or("-".to_owned(), |growth| growth.to_string());
            format!("{} {growth} {}", row.get::<_, i32>(0), row.get::<_, f64>(2))
        };
        rows.iter().map(told).collect()
    }
}

fn on(server: &str, mut item: Value) -> Value {
    item["server"] = server.into();
    item
}

/// A value of each family and of other items, all growing alike.
fn counted(server: &str, value: i64, reset: Option<&str>) -> Vec<Value> {
    let stats = json!({
        "transactions_committed": value, "stats_reset": reset, "server_started_at": "2026-01-01T00:00:00Z",
        "tables": [{ "relid": 5, "schema": "s", "name": "t", "seq_scans": value, "tuples_inserted": 7 }],
        "indexes": [{ "relid": 6, "schema": "s", "table": "t", "name": "i", "scans": value, "tuples_read": value }],
    });
    let statements = json!({ "queries": [{ "hash": "7", "userid": 10, "user": "u", "calls": value, "total_time": value }] });
    let lsn = format!("0/{value:X}");
    let standby = json!({ "application_name": "near", "sent_lsn": lsn, "write_lsn": lsn, "flush_lsn": lsn, "replay_lsn": lsn });
    [
        item("pg_stats", Some("shop"), stats),
        item("pg_query_stats", Some("shop"), statements),
        item("pg_replication", None, json!({ "replication_status": [standby] })),
        item("pg_wal", None, json!({ "wal_bytes": value, "stats_reset": reset })),
    ]
    .map(|item| on(server, item))
    .into()
}

/// Each function, and the counter that is looked at.
const FUNCTIONS: [(&str, &str); 6] = [
    ("transactions_committed", "database_rates("),
    ("calls", "query_rates("),
    ("seq_scans", "table_rates("),
    ("scans", "index_rates("),
    ("replay_bytes", "replication_rates("),
    ("growth", "item_rates('pg_wal', '$', '{}', '{wal_bytes}', '{stats_reset}'"),
];

#[test]
fn counters_that_fall_were_reset_and_missed_runs_have_no_rate() {
    for major in majors() {
        let scene = Scene::start(major);
        // Minute 1 comes last of all, and the other server has figures of its own.
        for (minute, value) in [(0, 100), (2, 220), (3, 30), (4, 90), (20, 5000), (21, 5060), (1, 150)] {
            scene.run(
                minute,
                [counted("main", value, None), counted("other", 1_000_000 + minute * 5, None)].concat(),
            );
        }
        for (name, function) in FUNCTIONS {
            let found = scene.rates(name, function, [0, 30, 60], ", array['main'])");
            // Where standbys are is no count: of another history nothing is told.
            let fell = if name == "replay_bytes" { "3 - 60" } else { "3 30 60" };
            assert_eq!(found, ["1 50 60", "2 70 60", fell, "4 60 60", "21 60 60"], "{major}: {function}");
            let other = scene.rates(name, function, [0, 30, 60], ", array['other'])");
            assert_eq!(other, ["1 5 60", "2 5 60", "3 5 60", "4 5 60", "21 5 60"], "{major}: {function}");
            let both = scene.rates(name, function, [0, 30, 60], ")");
            assert_eq!(both.len(), 10, "{major}: {function}: servers are told apart");
            // The reading before the span is the first rate's other end.
            assert_eq!(
                scene.rates(name, function, [3, 4, 60], ", array['main'])"),
                ["4 60 60"],
                "{major}: {function}"
            );
        }
    }
}

#[test]
fn a_reset_that_is_told_counts_even_where_the_figure_is_higher() {
    for major in majors() {
        let scene = Scene::start(major);
        for (minute, value, reset) in [(0, 100, "2026-01-02T00:00:00Z"), (1, 400, "2026-01-03T00:00:00Z")] {
            let mut items = counted("main", value, Some(reset));
            items[1]["queries"][0]["stats_since"] = reset.into();
            scene.run(minute, items);
        }
        for (name, function) in [FUNCTIONS[0], FUNCTIONS[1], FUNCTIONS[5]] {
            assert_eq!(scene.rates(name, function, [0, 5, 60], ")"), ["1 400 60"], "{major}: {function}");
        }
        // A clean restart loses nothing.
        let mut items = counted("main", 450, Some("2026-01-03T00:00:00Z"));
        items[0]["server_started_at"] = "2026-05-01T00:00:00Z".into();
        scene.run(2, items);
        let (name, function) = FUNCTIONS[0];
        assert_eq!(scene.rates(name, function, [1, 5, 60], ")"), ["2 50 60"], "{major}");
    }
}

#[test]
fn a_statement_that_turns_up_is_told_by_what_its_collector_saw() {
    for major in majors() {
        let scene = Scene::start(major);
        scene.run(0, counted("main", 1, None));
        let since = scene.at(0).to_string();
        let new = json!({ "queries": [
            { "hash": "8", "calls": 40, "total_time": 4.0, "growth_calls": 3, "growth_time": 0.5, "since": since, "standing": "exact" },
            { "hash": "9", "calls": 40, "total_time": 4.0, "standing": "first_seen" },
        ] });
        scene.run(1, vec![item("pg_query_stats", Some("shop"), new)]);
        for (name, growth) in [("calls", "3"), ("total_time", "0.5"), ("rows", "-")] {
            let found = scene.rates(name, "query_rates(", [0, 5, 60], ")");
            assert_eq!(found, [format!("1 {growth} 60")], "{major}: {name}");
        }
    }
}

/// 24 hours in steps of an hour: the sum is that of all minutes, and one collector's many minutes are not read.
#[test]
fn long_spans_are_read_at_some_moments_and_lose_nothing() {
    for major in majors() {
        let scene = Scene::start(major);
        for minute in (0..=1440).step_by(20).chain([1439, 1438]) {
            scene.run(minute, counted("main", 1000 + minute * 3, None));
        }
        for (name, function) in FUNCTIONS {
            let found = scene.rates(name, function, [60, 1440, 3600], ")");
            assert_eq!(found.len(), 23, "{major}: {function}: {found:?}");
            assert!(found.iter().all(|told| told.ends_with(" 180 3600")), "{major}: {function}: {found:?}");
        }
        // Nobody asks of a minute what lies in another day.
        let sql = format!(
            "explain (analyze, costs off, timing off) select sum(calls) from query_rates('{}', '{}', interval '60 s', array['{}']::uuid[])",
            scene.at(0),
            scene.at(5),
            scene.id
        );
        let plan = scene.server.conn(&scene.database).query(&sql, &[]).unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        let read =
            plan.iter().filter(|line| line.contains(" on query_stats_") && !line.contains("never executed"));
        assert!((1..=2).contains(&read.count()), "{major}: {}", plan.join("\n"));
    }
}
