//! deploy/prometheus: every alert has a case that fires and one that stays silent, and asks of figures that exist. Whether
//! Prometheus agrees, scripts/check-alerts tells.

use std::collections::BTreeSet;
use std::fs;

use bed::api::{Api, SCRAPE_TOKEN};
use bed::cluster::shared;
use bed::majors;

fn text(path: &str) -> String {
    fs::read_to_string(bed::top().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn after<'a>(text: &'a str, mark: &str) -> BTreeSet<&'a str> {
    text.lines().filter_map(|line| line.trim_start().strip_prefix(mark)).collect()
}

/// Words that begin so.
fn words<'a>(text: &'a str, begin: &'a str) -> BTreeSet<&'a str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    words.filter(|word| word.starts_with(begin)).collect()
}

#[test]
fn every_alert_has_a_case_that_fires_and_one_that_stays_silent() {
    let (rules, cases) = (text("deploy/prometheus/rules.yml"), text("deploy/prometheus/rules_test.yml"));
    let alerts = after(&rules, "- alert: ");
    assert_eq!(alerts.len(), 28, "{alerts:?}");
    let expected: BTreeSet<String> =
        alerts.iter().flat_map(|alert| [format!("{alert} fires"), format!("{alert} stays silent")]).collect();
    let found: BTreeSet<String> = after(&cases, "- name: ").into_iter().map(str::to_owned).collect();
    assert_eq!(found, expected);
    for alert in alerts {
        let rule = rules.split("- alert: ").find(|rule| rule.lines().next() == Some(alert)).unwrap();
        assert!(
            ["critical", "warning", "info"].iter().any(|level| rule.contains(&format!("severity: {level}"))),
            "{alert}"
        );
        assert!(rule.contains("summary: ") && rule.contains("description: "), "{alert}");
    }
}

#[test]
fn alerts_ask_of_figures_that_exist() {
    let server = shared(*majors().last().unwrap());
    let api = Api::start(server, &server.fresh_database("alerts"), &[]);
    let exposed = api.get("/metrics", Some(SCRAPE_TOKEN)).text;
    let mut known: BTreeSet<String> = BTreeSet::new();
    for line in after(&exposed, "# TYPE ") {
        let (name, kind) = line.split_once(' ').unwrap();
        let suffixes: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_count", "_sum"],
            _ => &[""],
        };
        known.extend(suffixes.iter().map(|suffix| format!("{name}{suffix}")));
    }
    let textfile = text("src/report/textfile.rs");
    known.extend(words(&textfile, "pganalytics_").into_iter().map(str::to_owned));
    let rules = text("deploy/prometheus/rules.yml");
    known.extend(after(&rules, "- record: ").into_iter().map(str::to_owned));
    let asked: BTreeSet<&str> = rules
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("expr: "))
        .flat_map(|expr| words(expr, "pganalytics").into_iter().chain(words(expr, "process_")))
        .filter(|word| !["pganalytics"].contains(word))
        .collect();
    let unknown: Vec<&&str> = asked.iter().filter(|name| !known.contains(**name)).collect();
    assert!(asked.len() > 20 && unknown.is_empty(), "{unknown:?} of {asked:?}");
}
