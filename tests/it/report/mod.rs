//! `report`: that it finds what was planted on real servers, in order of severity, and nothing that is not there; and that
//! both of its pages show names as they are, whatever they are.

mod healthy;
mod pages;
mod planted;
mod scene;
mod standby;
mod stored;
mod worn;

use crate::support::home::Run;

/// A finding as the page has it: its number is its place in the order.
fn found(run: &Run) -> Vec<(&str, &str)> {
    let mut severity = "";
    let mut found = Vec::new();
    for line in run.stdout.lines() {
        let word = line.split(' ').next().unwrap_or_default();
        if ["CRITICAL", "WARNING", "NOTICE", "NOT"].contains(&word) {
            severity = word;
        }
        if let Some((number, rest)) = line.trim_start().split_once(". ")
            && number.parse::<usize>().is_ok_and(|n| n == found.len() + 1)
            && severity != "NOT"
        {
            found.push((severity, rest.split("  ").next().unwrap_or(rest)));
        }
    }
    found
}

/// What stands below a finding's first line, on one line.
#[track_caller]
fn of(run: &Run, what: &str) -> String {
    let mut lines = run.stdout.lines().skip_while(|line| !line.contains(&format!(". {what} ")));
    let first = lines.next().unwrap_or_else(|| panic!("no {what} in\n{}", run.stdout));
    let below = lines.take_while(|line| line.starts_with("     "));
    std::iter::once(first).chain(below).map(str::trim).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn says(run: &Run, words: &str) {
    let page = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains(words), "no {words} in\n{}", run.stdout);
}

/// Eighty columns at most, whatever stands in them, and nothing that acts.
#[track_caller]
fn fits(run: &Run) {
    for line in run.stdout.lines() {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= 80, "too wide: {line}");
        assert!(!line.chars().any(pganalytics::quote::is_hidden), "{line:?}");
    }
}

#[test]
fn the_document_names_every_kind_in_its_order() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/REPORT.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with("| what | notice")).skip(2);
    let named: Vec<&str> = rows
        .take_while(|line| line.starts_with("| "))
        .map(|line| line.split(" | ").next().unwrap())
        .collect();
    let rules: Vec<String> =
        pganalytics::findings::RULES.iter().map(|rule| format!("| {}", rule.about)).collect();
    assert_eq!(named, rules);
}
