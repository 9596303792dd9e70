use super::Bed;
use crate::support::cluster::{Cluster, shared};
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

fn newest() -> &'static Cluster {
    shared(majors().into_iter().max().unwrap())
}

/// The part's outcome, reason and detail.
fn said(bed: &Bed) -> (String, String, String) {
    let batch = bed.last();
    let part = batch.part(&bed.databases[0]);
    let word = |name: &str| part.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    (word("outcome"), word("reason"), word("detail"))
}

#[track_caller]
fn check(bed: &Bed, code: i32, outcome: &str, reason: &str, detail: &str) {
    let run = bed.cron();
    let (verdict, why, text) = said(bed);
    assert_eq!((verdict.as_str(), why.as_str()), (outcome, reason), "{text}");
    assert!(text.contains(detail), "{text}");
    assert_eq!(run.code, Some(code), "{}", bed.home.log());
}

#[test]
fn without_the_extension_it_says_what_to_create() {
    let bed = Bed::bare(newest(), 2);
    check(&bed, 0, "skipped", "extension_absent", "create extension pg_stat_statements");
    assert_eq!(bed.last().part(&bed.databases[1])["reason"], "extension_absent");
    bed.configure_with("required = [\"pg_query_stats\"]", "");
    check(&bed, 1, "skipped", "extension_absent", "create extension pg_stat_statements");
}

#[test]
fn with_the_extension_but_not_its_library_it_says_what_to_load() {
    for major in majors() {
        let server =
            Cluster::start(major, &[("shared_preload_libraries", ""), ("pg_stat_statements.max", "500")]);
        let bed = Bed::new(&server, 1);
        let what = "add pg_stat_statements to shared_preload_libraries and restart";
        check(&bed, 0, "skipped", "extension_absent", what);
        bed.configure_with("required = [\"pg_query_stats\"]", "");
        check(&bed, 1, "skipped", "extension_absent", what);
    }
}

#[test]
fn a_server_that_counts_nothing_says_which_setting_is_off() {
    for major in majors() {
        let (name, value) =
            if major < 14 { ("pg_stat_statements.track", "none") } else { ("compute_query_id", "off") };
        let server = Cluster::start(major, &[(name, value)]);
        let bed = Bed::new(&server, 1);
        check(&bed, 0, "partial", "other", &format!("{name} = {value}"));
        assert!(bed.last().queries(&bed.databases[0]).is_empty());
        let conf = server.data_dir().join("postgresql.conf");
        let text = std::fs::read_to_string(&conf).unwrap();
        let set = |now: &str| {
            let line = format!("{name} = '{value}'");
            std::fs::write(&conf, text.replace(&line, &format!("{name} = '{now}'"))).unwrap();
            server.sql("postgres", "select pg_reload_conf()");
            eventually(LONG, || match server.one::<String>("postgres", &format!("show {name}")) {
                shown if shown == now => Ok(()),
                shown => Err(shown),
            });
        };
        if major >= 14 {
            // The library has looked at it when the server started.
            set("auto");
            check(&bed, 0, "partial", "other", "compute_query_id = auto, but off at the server's start");
        }
        set(if major < 14 { "top" } else { "on" });
        server.sql(&bed.databases[0], "create table x (a int)");
        check(&bed, 0, "ok", "", "");
        let batch = bed.last();
        let texts = batch.texts(&bed.databases[0]);
        assert!(texts.contains(&"create table x (a int)"), "{major} {:?}", batch.item(&bed.databases[0]));
    }
}

#[test]
fn older_versions_of_the_extension_give_what_they_have() {
    for (major, version, column) in [
        (18, "1.8", "wal_bytes"),
        (18, "1.9", "toplevel"),
        (18, "1.10", "jit_functions"),
        (18, "1.11", "stats_since"),
    ] {
        if !majors().contains(&major) {
            continue;
        }
        let bed = Bed::bare(shared(major), 1);
        let db = &bed.databases[0];
        bed.server.sql(
            db,
            &format!("create extension pg_stat_statements version '{version}'; create table x (a int)"),
        );
        bed.server.sql(db, "select a from x");
        check(&bed, 0, "ok", "", "");
        bed.server.sql(db, "select a from x; select a from x");
        check(&bed, 0, "ok", "", "");
        let batch = bed.last();
        let row = batch.query(db, &bed.hash(db, "select a from x")).unwrap();
        assert_eq!((&row["calls"], &row["growth_calls"]), (&3.into(), &2.into()), "{version} {row}");
        assert!(row.get(column).is_some(), "{version} {row}");
        assert_eq!(row.get("stats_since").is_some(), version == "1.11");
        assert_eq!(row["standing"] == "unproven", version == "1.8", "{row}");
    }
}

#[test]
fn a_version_that_is_too_old_is_named() {
    for major in majors() {
        let bed = Bed::bare(shared(major), 1);
        bed.server.sql(&bed.databases[0], "create extension pg_stat_statements version '1.7'");
        let what = "pg_stat_statements is 1.7, 1.8 is needed: alter extension pg_stat_statements update";
        check(&bed, 0, "skipped", "extension_outdated", what);
    }
}

#[test]
fn it_is_found_in_a_schema_of_any_name() {
    let bed = Bed::bare(newest(), 1);
    let db = &bed.databases[0];
    for name in ["Odd \"Name\"", "user", "täglich"] {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        bed.server.sql(
            db,
            &format!(
                "create schema {quoted}; grant usage on schema {quoted} to public; \
                 create extension pg_stat_statements schema {quoted}"
            ),
        );
        check(&bed, 0, "ok", "", "");
        assert!(!bed.last().queries(db).is_empty(), "{name}");
        bed.server.sql(db, "drop extension pg_stat_statements");
    }
}
