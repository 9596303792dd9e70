use std::collections::BTreeSet;

use pganalytics::collect::{At, Collector, Gather, Scope, registry};
use serde_json::Value;

use super::item::{cycle, watching};
use crate::support::cluster::shared;
use crate::support::majors;

#[test]
fn a_cycle_holds_an_item_of_each_collector_for_each_place_and_no_failed_part() {
    for major in majors() {
        let server = shared(major);
        let databases = [server.fresh_database("whole"), server.fresh_database("whole")];
        server.sql(&databases[0], "create extension pg_stat_statements");
        let home = watching(server, &databases.join(", "), "");
        let first = cycle(&home, &["cron"]);
        assert_eq!(places(&first), expected(&databases), "PostgreSQL {major}");
        for batch in [first, cycle(&home, &["cron", "--force"])] {
            let items = batch["metrics"].as_array().unwrap();
            assert_eq!(batch["metrics_count"], items.len());
            for (part, outcome) in items.iter().flat_map(parts) {
                let rate = outcome["reason"] == "first_run" && batch["sequence"] == 1;
                let lacks = outcome["outcome"] == "skipped"
                    && ["version", "not_applicable"].iter().any(|reason| outcome["reason"] == *reason);
                assert!(outcome["outcome"] == "ok" || rate || lacks, "PostgreSQL {major}, {part}: {outcome}");
            }
            let told: u64 =
                ["ok", "partial", "skipped"].iter().map(|v| batch["outcomes"][v].as_u64().unwrap()).sum();
            assert_eq!(told as usize, items.iter().flat_map(parts).count());
        }
    }
}

fn parts(item: &Value) -> Vec<(String, &Value)> {
    let parts = item["parts"].as_object().unwrap().iter();
    parts.map(|(name, outcome)| (format!("{}.{name}", item["type"]), outcome)).collect()
}

type Places = BTreeSet<(String, String, Option<String>)>;

fn places(batch: &Value) -> Places {
    let items = batch["metrics"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    items.map(|i| (text(&i["type"]).unwrap(), text(&i["server"]).unwrap(), text(&i["database"]))).collect()
}

fn expected(databases: &[String]) -> Places {
    let mut places = Places::new();
    // Long intervals begin at a moment of their own, not in the first cycle.
    let configured = |c: &Collector| matches!(c.gather, Gather::Configured(_));
    for collector in registry::ALL.iter().filter(|c| c.enabled && c.every_s <= 600 && !configured(c)) {
        let mut add = |server: &str, database: Option<&String>| {
            places.insert((collector.name.into(), server.into(), database.cloned()));
        };
        match collector.scope {
            Scope::Database => databases.iter().for_each(|d| add("main", Some(d))),
            Scope::Server => {
                add("main", None);
                let Gather::Sql(parts) = &collector.gather else { continue };
                if parts.iter().any(|part| part.at == At::Database) {
                    databases.iter().for_each(|d| add("main", Some(d)));
                }
            }
            Scope::Host | Scope::Agent => add("host.test", None),
        }
    }
    places
}
