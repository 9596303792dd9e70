//! `--manifest`: every byte of a real batch, by sensitivity, and nothing left behind; and a run whose key is broken.

use std::collections::BTreeMap;
use std::fs;

use pganalytics::privacy::manifest;

use crate::cycle::item::watching;
use crate::support::cluster::shared;
use crate::support::home::Home;
use crate::support::majors;

const ALL: &str = "[pg_schema]\nenabled = true\n[pg_security]\nenabled = true\n";

#[test]
fn a_manifest_accounts_for_every_byte_of_what_would_leave() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("manifest");
        server.sql(&database, "create table t (a int primary key, b text default 'x'); select 1 from t");
        let home = watching(server, &database, ALL);
        let dry = home.run(&["--dry-run", "--force"]);
        assert_eq!(dry.code, Some(0), "{}", dry.stderr);
        let text = dry.stdout.trim_end();
        let read = manifest::read(text.as_bytes()).unwrap();
        let items: u64 = read.types.values().map(|line| line.bytes()).sum();
        assert_eq!(items + read.envelope, text.len() as u64);
        assert!(read.types.len() > 15, "{:?}", read.types.keys());

        let kept = page(&home, &["--dry-run", "--manifest", "--force"]);
        let total = kept["total"].clone();
        assert!([1, 3, 5, 7].iter().all(|n| total[*n] > 0), "{total:?}");
        let hidden = watching(
            server,
            &database,
            &format!(
                "{ALL}[privacy]\nidentifiers = \"hash\"\nclient_addresses = \"drop\"\nquery_text = \"none\"\n"
            ),
        );
        let more = page(&hidden, &["cron", "--dry-run", "--manifest", "--force"]);
        assert_eq!((more["total"][1], more["total"][5]), (0, 0), "texts and addresses");
        assert!(more["total"][3] > 0 && more["total"][7] > 0, "{more:?}");
        for home in [&home, &hidden] {
            assert!(home.batches().is_empty());
            let left: Vec<_> = fs::read_dir(home.state_dir()).unwrap().collect();
            assert!(left.is_empty(), "{left:?}");
        }
    }
}

/// The rows of the table, whose sums are right in both directions.
fn page(home: &Home, args: &[&str]) -> BTreeMap<String, Vec<u64>> {
    let run = home.run(args);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let rows: BTreeMap<String, Vec<u64>> = run.stdout.lines().filter_map(row).collect();
    let total = &rows["total"];
    for (column, sum) in total.iter().enumerate() {
        let parts: u64 = rows.iter().filter(|(name, _)| *name != "total").map(|(_, row)| row[column]).sum();
        assert_eq!(parts, *sum, "column {column} of {}", run.stdout);
    }
    for row in rows.values() {
        assert_eq!(row[2] + row[4] + row[6] + row[8] + row[9], row[10], "{}", run.stdout);
    }
    rows
}

/// Eleven figures behind a name.
fn row(line: &str) -> Option<(String, Vec<u64>)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.len().checked_sub(11)?;
    let figures: Option<Vec<u64>> = words[at..].iter().map(|word| word.parse().ok()).collect();
    Some((words[..at].join(" "), figures?))
}

#[test]
fn a_run_without_a_sound_key_collects_nothing_and_says_why() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("key");
    let home = watching(server, &database, "[privacy]\nidentifiers = \"hash\"\n");
    let key = home.state_dir().join("privacy.key");
    fs::write(&key, "half a key").unwrap();
    for args in [&["cron"][..], &["--dry-run"]] {
        let run = home.run(args);
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{}", run.stderr);
        assert!(run.stderr.contains("privacy.key must hold 64 hexadecimal digits"), "{}", run.stderr);
    }
    assert!(home.batches().is_empty() && home.spool_files().is_empty());
    fs::remove_file(&key).unwrap();
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    assert!(!home.batches()[0].to_string().contains(&database));
}
