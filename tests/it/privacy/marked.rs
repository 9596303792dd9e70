//! Every name of a server bears a word, every address is a loopback's, every text bears another word. Where all is kept each
//! type of item tells of them; where they are hidden, the whole batch holds none.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::scene::{NAME, Scene, TEXT, v6};
use crate::cycle::item::rows;
use crate::support::home::Home;
use crate::support::majors;

/// The types that tell of names on such a server.
const NAMING: &[&str] = &[
    "custom",
    "disk_usage",
    "pg_bloat",
    "pg_cache",
    "pg_connections",
    "pg_extensions",
    "pg_locks",
    "pg_progress",
    "pg_query_stats",
    "pg_replication",
    "pg_schema",
    "pg_security",
    "pg_sequences",
    "pg_settings",
    "pg_stats",
    "pg_xmin",
];
const TELLING: &[&str] = &["pg_connections", "pg_locks", "pg_query_stats", "pg_schema", "pg_xmin"];
/// What holds SQL.
const TEXTS: &[&str] = &[
    "query",
    "blocked_query",
    "blocking_query",
    "text",
    "definition",
    "default",
    "partition_bound",
    "partition_key",
];
const ADDRESSING: &[&str] =
    &["pg_connections", "pg_locks", "pg_replication", "pg_security", "pg_settings", "pg_xmin"];

#[test]
fn nothing_that_is_hidden_leaves() {
    for major in majors() {
        let scene = Scene::set(major);
        let all = batch(&scene.home(""));
        assert_eq!(types_with(&all, NAME), names(NAMING), "PostgreSQL {major}");
        assert_eq!(types_with(&all, TEXT), names(TELLING), "PostgreSQL {major}");
        let addresses = types_with(&all, "127.0.0.1");
        assert!(names(ADDRESSING).is_subset(&addresses), "PostgreSQL {major}: {addresses:?}");
        assert!(!v6() || types_with(&all, "::1").contains("pg_connections"));

        let silent = batch(&scene.home("query_text = \"none\"\n"));
        assert_eq!(types_with(&silent, TEXT), names(&[]), "PostgreSQL {major}");
        assert_eq!(types_with(&silent, NAME), names(NAMING), "names stay");
        let holds = |batch: &Value, key: &str| batch.to_string().contains(&format!("\"{key}\":"));
        assert!(TEXTS.iter().all(|key| holds(&all, key)) && !TEXTS.iter().any(|key| holds(&silent, key)));

        let home = scene.home("identifiers = \"hash\"\nclient_addresses = \"hash\"\n");
        let hashed = batch(&home);
        hides_all(&hashed, major);
        a_name_is_one_hash(&hashed, major);
        assert_eq!(database(&batch(&home)), database(&hashed), "in the next run too");
        fs::remove_file(home.state_dir().join("privacy.key")).unwrap();
        assert_ne!(database(&batch(&home)), database(&hashed), "another key, other names");

        let dropped = batch(&scene.home("identifiers = \"drop\"\nclient_addresses = \"drop\"\n"));
        hides_all(&dropped, major);
        assert_eq!(database(&dropped).len(), 2, "items of two databases are still two");
        for part in ["tables", "indexes"] {
            let found: usize = of(&dropped, "pg_stats").map(|item| rows(item, part).len()).sum();
            assert!(found > 0, "rows without names are still rows");
        }

        let placeless = batch(&scene.home("client_addresses = \"drop\"\n"));
        assert_eq!(addresses_in(&placeless), names(&[]), "PostgreSQL {major}");
        // Sentences, which may hold an address, were all that named something in this one.
        let rest: Vec<&str> = NAMING.iter().copied().filter(|kind| *kind != "custom").collect();
        assert_eq!(types_with(&placeless, NAME), names(&rest), "PostgreSQL {major}");
        scene.ends();
    }
}

/// A forced cycle; one query of the operator's fails.
fn batch(home: &Home) -> Value {
    let run = home.run(&["cron", "--force"]);
    assert_eq!(run.code, Some(1), "{}{}", run.stderr, home.log());
    let batch = home.batches().pop().unwrap();
    let mine = of(&batch, "custom").find_map(|item| item["mine"].as_array()).unwrap();
    assert_eq!(mine[0]["what"], "mine");
    let failed: Vec<String> = batch["metrics"].as_array().unwrap().iter().flat_map(failed).collect();
    assert_eq!(failed, ["custom.fails", "custom.fails"], "{}", home.log());
    batch
}

/// The item's parts that failed.
fn failed(item: &Value) -> Vec<String> {
    let parts = item["parts"].as_object().unwrap().iter();
    let failed = parts.filter(|(_, part)| part["outcome"] == "failed");
    failed.map(|(key, _)| format!("{}.{key}", item["type"].as_str().unwrap())).collect()
}

fn of<'a>(batch: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    batch["metrics"].as_array().unwrap().iter().filter(move |item| item["type"] == kind)
}

fn names(kinds: &[&str]) -> BTreeSet<String> {
    kinds.iter().map(|kind| (*kind).to_owned()).collect()
}

/// Types of items in which the word is somewhere, in whatever case.
fn types_with(batch: &Value, word: &str) -> BTreeSet<String> {
    let items = batch["metrics"].as_array().unwrap().iter();
    let with = items.filter(|item| item.to_string().to_lowercase().contains(word));
    with.map(|item| item["type"].as_str().unwrap().to_owned()).collect()
}

fn addresses_in(batch: &Value) -> BTreeSet<String> {
    ["127.0.0.1", "::1", "10.0.0.0", "10.1.1.1"]
        .iter()
        .flat_map(|address| types_with(batch, address))
        .collect()
}

#[track_caller]
fn hides_all(batch: &Value, major: u32) {
    let whole = batch.to_string().to_lowercase();
    for word in [NAME, TEXT] {
        assert_eq!(types_with(batch, word), names(&[]), "{word} of PostgreSQL {major}");
        assert!(!whole.contains(word));
    }
    assert_eq!(addresses_in(batch), names(&[]), "PostgreSQL {major}");
}

/// Of all items that have one.
fn database(batch: &Value) -> BTreeSet<&str> {
    batch["metrics"].as_array().unwrap().iter().filter_map(|item| item["database"].as_str()).collect()
}

/// What is joined by name can still be.
fn a_name_is_one_hash(batch: &Value, major: u32) {
    let tables: BTreeSet<&str> = of(batch, "pg_stats")
        .flat_map(|item| rows(item, "tables"))
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert!(tables.len() > 3 && tables.iter().all(|name| name.starts_with("id_")), "{tables:?}");
    let of_schema: BTreeSet<&str> = of(batch, "pg_schema")
        .filter_map(|item| item["tables"].as_array())
        .flatten()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert!(tables.is_subset(&of_schema), "PostgreSQL {major}: {tables:?} {of_schema:?}");
    let texts = |kind, list: &'static str, field: &'static str| -> Vec<String> {
        let items = of(batch, kind).filter_map(|item| item[list].as_array());
        items.flatten().filter_map(|row| row[field].as_str()).map(str::to_owned).collect()
    };
    for (kind, list, field) in [
        ("pg_query_stats", "queries", "text"),
        ("pg_locks", "lock_wait_chains", "blocked_query"),
        ("pg_locks", "active_locks", "relation"),
        ("pg_schema", "indexes", "definition"),
        ("pg_progress", "create_index", "relation"),
    ] {
        let found = texts(kind, list, field);
        let joins = found.iter().any(|text| tables.iter().any(|name| text.contains(name)));
        assert!(joins, "PostgreSQL {major}: {kind} {list} {field}: {found:#?}");
    }
    let databases = database(batch);
    for (kind, list) in [("pg_connections", "connections"), ("pg_replication", "wraparound_risk")] {
        assert!(texts(kind, list, "database").iter().any(|name| databases.contains(name.as_str())), "{kind}");
    }
    let connections = texts("pg_connections", "idle_transactions", "client_addr");
    let standbys = texts("pg_replication", "replication_status", "client_addr");
    assert!(standbys.iter().all(|address| connections.contains(address)) && !standbys.is_empty());
}
