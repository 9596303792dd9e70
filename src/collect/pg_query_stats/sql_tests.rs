//! The SQL files keep the house's rules, and none loses a figure that an older one had.

use std::collections::{BTreeMap, BTreeSet};
use std::{fs, path::Path};

fn files() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/collect/pg_query_stats");
    let paths = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let sql = paths.filter(|path| path.extension().is_some_and(|it| it == "sql"));
    sql.map(|path| (path.file_name().unwrap().to_str().unwrap().into(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// What stands between `select` and `from`, one line each.
fn lines(sql: &str) -> Vec<&str> {
    let (_, body) = sql.split_once("\nselect\n").unwrap();
    body.split_once("\nfrom ").unwrap().0.lines().collect()
}

fn columns(sql: &str) -> Vec<&str> {
    lines(sql).into_iter().map(|line| line.rsplit_once(" as ").unwrap().1.trim_matches('"')).collect()
}

#[test]
fn one_column_a_line_with_an_explicit_type() {
    let types = ["bool", "int8", "float8", "text", "timestamptz", "oid"];
    for (name, sql) in files() {
        assert!(sql.starts_with("-- ") && sql.lines().next().unwrap().contains("Cost: "), "{name}");
        assert!(sql.lines().next().unwrap().contains("Needs: "), "{name}");
        assert!(!sql.contains(';') && !sql.contains(".*"), "{name}");
        let statement: String = sql.lines().filter(|line| !line.starts_with("--")).collect();
        assert_eq!(statement, statement.to_lowercase(), "{name}");
        for (at, line) in lines(&sql).into_iter().enumerate() {
            assert!(line.starts_with(if at == 0 { "    " } else { "  , " }), "{name}: {line}");
            let cast = line.rsplit_once(" as ").unwrap().0.rsplit_once("::").unwrap().1;
            assert!(types.contains(&cast), "{name}: {line}");
        }
    }
}

#[test]
fn every_gate_is_there_and_keys_come_first() {
    let files = files();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let rows = [
        "rows.ext1.10.sql",
        "rows.ext1.11.sql",
        "rows.ext1.12.sql",
        "rows.ext1.13.sql",
        "rows.ext1.8.sql",
        "rows.ext1.9.sql",
    ];
    let rank =
        ["info.ext1.8.sql", "info.ext1.9.sql", "rank.ext1.11.sql", "rank.ext1.8.sql", "rank.ext1.9.sql"];
    assert_eq!(names, [rank.as_slice(), &rows].concat());
    let first = |name: &str| columns(&files[name])[..4].to_vec();
    rank[2..].iter().for_each(|name| assert_eq!(first(name), ["queryid", "dbid", "userid", "toplevel"]));
    rows.iter().for_each(|name| assert_eq!(first(name), ["hash", "_dbid", "userid", "toplevel"]));
}

#[test]
fn a_newer_file_has_all_the_figures_of_the_older_one() {
    let files = files();
    let of =
        |gate: &str| columns(&files[&format!("rows.ext1.{gate}.sql")]).into_iter().collect::<BTreeSet<_>>();
    let gates: Vec<_> = ["8", "9", "10", "11", "12", "13"].map(of).into();
    gates.windows(2).for_each(|pair| assert!(pair[0].is_subset(&pair[1])));
    let contract = "hash userid user toplevel _text calls total_time mean_time min_time max_time stddev_time plans rows \
        shared_blks_hit local_blks_read temp_blks_written blk_read_time blk_write_time wal_records wal_fpi wal_bytes";
    contract.split_whitespace().for_each(|column| assert!(gates[0].contains(column), "{column}"));
    assert!(gates[2].contains("jit_functions") && gates[3].contains("stats_since"));
}
