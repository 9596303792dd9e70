//! Courses of figures that were planted minute by minute: what a plot is told is what SQL says.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Scene, list};
use crate::batch::{batch, item};

/// Of minutes 0 to 50, with a gap, and a reset.
#[test]
fn plots_are_what_the_rate_functions_say() {
    let scene = Scene::start();
    let (id, token) = scene.api.register("one");
    let start = (Timestamp::now() - SignedDuration::from_mins(50)).round(jiff::Unit::Minute).unwrap();
    for minute in (0..50).filter(|minute| !(20..30).contains(minute)) {
        let value = if minute < 40 { 1000 + minute * 60 } else { (minute - 39) * 30 };
        let mut items = [
            item(
                "pg_stats",
                Some("shop"),
                json!({ "transactions_committed": value, "transactions_rolledback": 0, "blocks_hit": value * 9, "blocks_read": value }),
            ),
            item(
                "pg_query_stats",
                Some("shop"),
                json!({ "queries": [
                { "hash": "7", "user": "u", "calls": value, "total_time": value * 2, "text": "select 7" },
                { "hash": "8", "user": "u", "calls": value, "total_time": value, "text": "select 8" }] }),
            ),
            item(
                "pg_connections",
                None,
                json!({ "active": minute, "active_waiting": 1, "idle_in_transaction": 0 }),
            ),
        ];
        for item in &mut items {
            item["timestamp"] = (start + SignedDuration::from_mins(minute)).to_string().into();
        }
        assert_eq!(scene.api.push(&token, &batch(&id, &items)).status, 200);
    }
    let view = scene.get(&format!("/api/v1/servers/{id}?server=main&minutes=60"));
    let told = |plot: &str, line: usize| -> Vec<String> {
        let points = list(&view["plots"][plot]["lines"][line], "points");
        points.iter().map(|point| format!("{} {}", point[0], point[1])).collect()
    };
    let asked = |sql: &str| -> Vec<String> {
        let span = format!(
            "to_timestamp({}), to_timestamp({}), interval '30 s', array['{id}']::uuid[]",
            view["since"], view["until"]
        );
        let rows = scene.server.conn(&scene.database).query(&sql.replace("SPAN", &span), &[]).unwrap();
        rows.iter().map(|row| format!("{:?} {:?}", row.get::<_, f64>(0), row.get::<_, f64>(1))).collect()
    };
    let committed = asked(
        "select extract(epoch from \"timestamp\")::float8, transactions_committed / seconds from database_rates(SPAN) order by 1",
    );
    assert_eq!((told("transactions", 0), committed.len()), (committed, 38), "no rate over the gap");
    assert_eq!(
        told("transactions", 0).iter().filter(|told| told.ends_with(" 0.5")).count(),
        10,
        "a reset counts from zero"
    );
    assert!(told("cache", 0).iter().all(|told| told.ends_with(" 90.0")));
    assert_eq!((told("sessions", 0).len(), &view["plots"]["sessions"]["gap_s"]), (40, &json!(300.0)));
    let statements = list(&view, "statements");
    let total = "select 0::float8, sum(total_time) from query_rates(SPAN) where hash = 7";
    assert_eq!(vec![format!("0.0 {}", statements[0]["total_ms"])], asked(total));
    let first = &statements[0];
    assert_eq!(
        (&first["hash"], &first["text"], list(first, "trend").len()),
        (&json!("7"), &json!("select 7"), 38)
    );
    let share = first["share_percent"].as_f64().unwrap();
    assert!((share - 66.667).abs() < 0.01, "{share}");
    // An hour later nothing is there yet, and nobody else has anything of it.
    let later = Timestamp::now() + SignedDuration::from_hours(2);
    let empty = scene.get(&format!("/api/v1/servers/{id}?server=main&minutes=60&until={later}"));
    assert_eq!(
        (list(&empty["plots"]["transactions"], "lines").len(), list(&empty, "statements").len()),
        (0, 0)
    );
    let other = scene.get(&format!("/api/v1/servers/{id}?server=elsewhere"));
    assert_eq!(list(&other["plots"]["sessions"], "lines").len(), 0);
}

#[test]
fn a_week_is_told_by_some_of_its_moments() {
    let scene = Scene::start();
    let (id, token) = scene.api.register("one");
    let start = Timestamp::now() - SignedDuration::from_hours(7 * 24);
    for step in 1..200 {
        let mut item = item(
            "pg_stats",
            Some("shop"),
            json!({ "transactions_committed": step * 3000, "transactions_rolledback": 0 }),
        );
        item["timestamp"] = (start + SignedDuration::from_secs(step * 3000)).to_string().into();
        assert_eq!(scene.api.push(&token, &batch(&id, &[item])).status, 200);
    }
    let view = scene.get(&format!("/api/v1/servers/{id}?minutes=10080"));
    let points = list(&view["plots"]["transactions"]["lines"][0], "points");
    assert!((100..=121).contains(&points.len()), "{}", points.len());
    assert!(points.iter().all(|point| point[1] == 1.0), "no peak is lost, and none invented");
}
