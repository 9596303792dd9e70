//! Plans that auto_explain logs: one for each statement, without its values.

use serde_json::Value;

use super::{home, items, read, read_until, talkative};
use crate::support::majors;

#[test]
fn plans_are_told_by_statement_and_tell_no_values() {
    std::thread::scope(|scope| {
        for major in majors() {
            for form in ["stderr", "csvlog"] {
                scope.spawn(move || check(major, form));
            }
        }
    });
}

fn check(major: u32, form: &str) {
    let compute = if major > 13 { vec![("compute_query_id", "on")] } else { Vec::new() };
    let cluster = talkative(major, &[compute.as_slice(), &[("log_destination", form)]].concat());
    let home = home(cluster.port(), "");
    read(&home);
    let mut conn = cluster.conn("postgres");
    conn.batch_execute(
        "create table t (a int, b text); insert into t select n, n::text from generate_series(1, 100) n",
    )
    .unwrap();
    conn.batch_execute(
        "load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_analyze = on",
    )
    .unwrap();
    conn.batch_execute("set auto_explain.log_verbose = on").unwrap();
    for value in ["'4711secret'", "'4712secret'"] {
        let text = format!("select count(*) from t\nwhere b <> {value} and a < 4711");
        conn.batch_execute(&text).unwrap();
    }
    conn.batch_execute("set auto_explain.log_format = json").unwrap();
    conn.batch_execute("select a from t where b = 'secret' -- json").unwrap();
    conn.batch_execute("select 1 / 0").unwrap_err();
    read_until(&home, "division_by_zero", 1);
    let who = format!("{form} of PostgreSQL {major}");
    let text = serde_json::to_string(&items(&home)).unwrap();
    assert!(!text.contains("secret") && !text.contains("4711"), "{who}: {text}");
    let plans: Vec<Value> =
        items(&home).iter().filter_map(|i| i["plans"].as_array().cloned()).flatten().collect();
    let of = |format: &str| -> Vec<&Value> { plans.iter().filter(|p| p["format"] == format).collect() };
    let counted: u64 = of("text").iter().map(|p| p["count"].as_u64().unwrap()).sum();
    assert_eq!((counted, of("json").len()), (2, 1), "{who}: {plans:#?}");
    let one = of("text")[0];
    let plan = one["plan"].as_str().unwrap();
    assert!(plan.starts_with("Aggregate  (cost=") && plan.contains("Seq Scan on public.t"), "{who}: {plan}");
    assert!(
        plan.contains("rows=") && plan.contains("Filter: ((t.b <> '***'::text) AND (t.a < 0))"),
        "{who}: {plan}"
    );
    assert_eq!(one["text"], "select count(*) from t\nwhere b <> '***' and a < 0", "{who}");
    let known = |p: &Value| p["queryid"].as_str().is_some_and(|id| id.parse::<i64>().is_ok());
    if major >= 16 || major > 13 && form == "csvlog" {
        assert!(plans.iter().all(known), "{who}: {plans:#?}");
        let ids: std::collections::BTreeSet<&str> =
            plans.iter().map(|p| p["queryid"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 2, "{who}");
    }
}
