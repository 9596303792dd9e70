//! How much of what is collected somebody can see. A field of tests/fixtures/fields.txt counts where the SQL of a panel reads
//! its type (by its name, or by a table or function of its family) and names every part of its path. Columns of `collectors`
//! (alias `c`) do not count.

use std::collections::BTreeSet;
use std::fs;

use super::source::{Panel, dashboards};

/// Type, array of its items, and where its rows are.
const FAMILIES: [(&str, &str, &[&str]); 6] = [
    ("pg_query_stats", "queries", &["query_stats", "query_rates"]),
    ("pg_stats", "tables", &["table_stats", "table_rates"]),
    ("pg_stats", "indexes", &["index_stats", "index_rates"]),
    ("pg_replication", "replication_status", &["replication_status", "replication_rates"]),
    ("pg_replication", "replication_slots", &["replication_slots"]),
    ("pg_replication", "wraparound_risk", &["wraparound_risk"]),
];

fn words(panel: &Panel) -> BTreeSet<String> {
    let sql = panel.sql.replace(|c: char| !c.is_ascii_alphanumeric() && !"_.".contains(c), " ");
    let words = sql.split(' ').filter(|word| !word.starts_with("c."));
    words.flat_map(|word| word.split('.')).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn shown(kind: &str, path: &str, words: &BTreeSet<String>) -> bool {
    let has = |word: &str| words.contains(word);
    let parts: Vec<&str> = path.split('.').map(|part| part.trim_end_matches("[]")).collect();
    if let Some((.., tables)) = FAMILIES.iter().find(|(of, array, _)| *of == kind && *array == parts[0]) {
        let text = (kind, path) == ("pg_query_stats", "queries[].text") && has("query_texts");
        return (text || tables.iter().any(|table| has(table))) && parts[1..].iter().all(|part| has(part));
    }
    let read = has(kind) || kind == "pg_stats" && has("database_rates");
    read && parts.iter().all(|part| has(part))
}

#[test]
fn most_of_what_is_collected_is_on_a_panel() {
    let panels: Vec<BTreeSet<String>> = dashboards().iter().flat_map(|d| &d.panels).map(words).collect();
    let text = fs::read_to_string(bed::top().join("tests/fixtures/fields.txt")).unwrap();
    let fields: Vec<(&str, &str)> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let mut words = line.split(' ');
            (words.next().unwrap(), words.next().unwrap())
        })
        .collect();
    assert!(fields.len() > 300, "{}", fields.len());
    let hidden: Vec<String> = fields
        .iter()
        .filter(|(kind, path)| !panels.iter().any(|words| shown(kind, path, words)))
        .map(|(kind, path)| format!("{kind} {path}"))
        .collect();
    let percent = 100.0 * (1.0 - hidden.len() as f64 / fields.len() as f64);
    println!("{} fields, {percent:.1} % of them on a panel", fields.len());
    assert!(percent >= 84.0, "{percent:.1} % only; nowhere are:\n{}", hidden.join("\n"));
    // The rule tells what is there from what is not.
    assert!(!panels.iter().any(|words| shown("pg_stats", "tables[].no_such_column", words)));
    assert!(!panels.iter().any(|words| shown("pg_none", "name", words)));
}
