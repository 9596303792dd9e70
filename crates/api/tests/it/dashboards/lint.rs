//! What every dashboard has to have, read from the files alone.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use super::source::dashboards;

/// Documents link to these.
const NAMES: [(&str, &str); 10] = [
    ("advanced-features-analysis", "Advanced Features Analysis"),
    ("infrastructure-stats", "Infrastructure Statistics"),
    ("multi-collector-monitor", "Multi-Collector PostgreSQL Monitor"),
    ("pg-query-by-hostname", "PostgreSQL Query Performance by Hostname"),
    ("pg-query-performance", "PostgreSQL Query Performance Monitoring"),
    ("pg-replication-analytics", "PostgreSQL Replication Advanced Analytics"),
    ("pg-replication-health", "PostgreSQL Replication Health Monitor"),
    ("pganalytics-overview", "pgAnalytics Overview"),
    ("pganalytics-query-stats", "PostgreSQL Query Performance Monitor"),
    ("system-metrics-breakdown", "System Metrics Breakdown"),
];

#[test]
fn dashboards_have_the_names_that_documents_link_to() {
    let found: Vec<(String, String)> =
        dashboards().iter().map(|d| (d.uid.clone(), d.json["title"].as_str().unwrap().to_owned())).collect();
    assert_eq!(found, NAMES.map(|(uid, title)| (uid.to_owned(), title.to_owned())));
}

#[test]
fn the_files_are_what_the_sources_say() {
    let check = Command::new(bed::top().join("scripts/dashboards")).arg("--check").output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}

#[test]
fn every_panel_says_what_it_shows_in_which_unit_and_hides_no_other() {
    for dashboard in dashboards() {
        let (mut ids, mut titles, mut taken) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for panel in dashboard.json["panels"].as_array().unwrap() {
            let place = format!("{}: {}", dashboard.uid, panel["title"]);
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{place}");
            let position = |name: &str| panel["gridPos"][name].as_u64().unwrap();
            assert!(position("w") > 0 && position("x") + position("w") <= 24, "{place}");
            for x in position("x")..position("x") + position("w") {
                for y in position("y")..position("y") + position("h") {
                    assert!(taken.insert((x, y)), "{place} lies on another");
                }
            }
        }
        for panel in &dashboard.panels {
            let place = format!("{}: {}", dashboard.uid, panel.title);
            assert!(titles.insert(panel.title.clone()), "{place}");
            assert!(panel.json["description"].as_str().unwrap().len() > 10, "{place}");
            let defaults = &panel.json["fieldConfig"]["defaults"];
            assert!(!defaults["unit"].as_str().unwrap().is_empty(), "{place}");
            steps_rise(&defaults["thresholds"]["steps"], &place);
            for source in [&panel.json["datasource"], &panel.json["targets"][0]["datasource"]] {
                assert_eq!(*source, json!({ "type": "postgres", "uid": "${datasource}" }), "{place}");
            }
            let over_time = panel.json["type"] == "timeseries";
            assert_eq!(
                panel.json["targets"][0]["format"],
                if over_time { "time_series" } else { "table" },
                "{place}"
            );
            assert_eq!(
                over_time,
                panel.sql.contains(" as time") || panel.sql.contains("$__timeGroupAlias"),
                "{place}"
            );
        }
    }
}

#[track_caller]
fn steps_rise(steps: &Value, place: &str) {
    let values: Vec<Option<f64>> =
        steps.as_array().unwrap().iter().map(|step| step["value"].as_f64()).collect();
    assert!(!values.is_empty() && values[0].is_none(), "{place}");
    assert!(values.is_sorted(), "{place}: {values:?}");
}

#[test]
fn every_variable_that_is_used_can_be_chosen() {
    for dashboard in dashboards() {
        let list = dashboard.json["templating"]["list"].as_array().unwrap();
        let names: BTreeSet<&str> = list.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
        assert_eq!(names.len(), list.len(), "{}", dashboard.uid);
        assert!(names.contains("datasource") && names.contains("collector"), "{}", dashboard.uid);
        for text in dashboard.panels.iter().map(|panel| &panel.sql) {
            for used in text.split("${").skip(1) {
                let name = used.split([':', '}']).next().unwrap();
                assert!(names.contains(name), "{}: {name}", dashboard.uid);
                assert!(used.contains(":sqlstring}"), "{}: {name} without quotes", dashboard.uid);
            }
        }
    }
}
