use std::fs;

use super::scene::{Items, assert_code, home, log_holds, named, postgres, watched};
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::ports;

/// What a server that let nobody in owes: reason, SQLSTATE, a sentence that says what to do.
#[track_caller]
fn assert_refused(home: &Home, server: &str, state: Option<&str>, words: &[&str]) {
    let items = Items::last(home);
    items.assert_host();
    let part = &items.of("pg_stats", server, None)["parts"]["tables"];
    assert_eq!((&part["outcome"], &part["reason"]), (&"skipped".into(), &"server_refused".into()), "{part}");
    assert_eq!(part["sqlstate"].as_str(), state, "{part}");
    let detail = part["detail"].as_str().unwrap();
    for word in words {
        assert!(detail.contains(word), "no {word:?} in {detail:?}");
    }
    assert!(
        home.log().contains(&format!("Failed to acquire connection from pool: server {server}: {detail}"))
    );
    assert!(!home.log().contains("wrong secret"), "{}", home.log());
}

fn refused_alone_and_beside_another(
    port: u16,
    healthy: &Cluster,
    databases: &str,
    more: &str,
    state: Option<&str>,
    words: &[&str],
) {
    let alone = home("", &named("bad", port, databases, more));
    let run = alone.cron();
    assert_code(&alone, &run, 3);
    assert_refused(&alone, "bad", state, words);
    assert_eq!(run.stderr.lines().count(), 1, "one message: {}", run.stderr);
    assert!(run.stderr.contains("server bad cannot be collected"), "{}", run.stderr);
    assert_eq!(alone.cron().stderr, "", "told once a day");
    let beside =
        home("", &(named("bad", port, databases, more) + &named("good", healthy.port(), "\"*\"", "")));
    assert_code(&beside, &beside.cron(), 1);
    assert_refused(&beside, "bad", state, words);
    assert_eq!(Items::last(&beside).of("pg_stats", "good", Some("postgres"))["outcome"], "ok");
}

#[test]
fn each_refusal_is_told_with_what_to_do() {
    let cluster = watched(18, &[]);
    cluster.sql(
        "postgres",
        "create role keyed login password 'right'; create role full_up login connection limit 0",
    );
    let hba = "host all keyed all scram-sha-256\nhost all all all trust\n";
    fs::write(cluster.data_dir().join("pg_hba.conf"), hba).unwrap();
    cluster.sql("postgres", "select pg_reload_conf()");
    log_holds(&cluster, 0, "reloading configuration files");
    let nobody = ports::lease();
    let check = |port, databases, more: &str, state, words: &[&str]| {
        refused_alone_and_beside_another(port, &cluster, databases, more, state, words);
    };
    let mark = cluster.log_mark();
    check(
        cluster.port(),
        "\"*\"",
        "user = \"keyed\"\npassword = \"wrong secret\"",
        Some("28P01"),
        &["correct password"],
    );
    let failures = cluster.log_since(mark).matches("password authentication failed").count();
    assert_eq!(failures, 3, "a wrong password is tried once a run");
    check(cluster.port(), "\"*\"", "user = \"keyed\"", None, &["set password"]);
    check(cluster.port(), "\"*\"", "user = \"nobody_here\"", Some("28000"), &["does not exist"]);
    check(cluster.port(), r#"["missing", "absent"]"#, "", Some("3D000"), &["does not exist", "correct"]);
    check(cluster.port(), "\"*\"", "user = \"full_up\"", Some("53300"), &["connection limit"]);
    check(nobody.number, "\"*\"", "", None, &["refused", "check that PostgreSQL runs"]);
    let unknown = "host = \"no-such-host.invalid\"\nuser = \"mon\"\ndatabases = \"*\"\n";
    let home = home("", &format!("[[servers]]\nname = \"bad\"\n{unknown}"));
    assert_code(&home, &home.cron(), 3);
    assert_refused(&home, "bad", None, &["no-such-host.invalid", "name resolution"]);
}

#[test]
fn no_slot_left() {
    let cluster = watched(
        18,
        &[
            ("max_connections", "6"),
            ("superuser_reserved_connections", "3"),
            ("max_wal_senders", "0"),
            ("reserved_connections", "0"),
        ],
    );
    let healthy = watched(18, &[]);
    let mut taken = Vec::new();
    let mark = cluster.log_mark();
    for _ in 0..3 {
        let config = format!("host=127.0.0.1 port={} user=mon dbname=postgres", cluster.port());
        taken.push(postgres::Client::connect(&config, postgres::NoTls).unwrap());
    }
    refused_alone_and_beside_another(
        cluster.port(),
        &healthy,
        "\"*\"",
        "",
        Some("53300"),
        &["pg_use_reserved_connections"],
    );
    assert!(
        cluster.log_since(mark).contains("remaining connection slots are reserved"),
        "{}",
        cluster.log_since(mark)
    );
}

/// A standby that is not to be read.
#[test]
fn a_server_that_takes_no_connections_now() {
    let healthy = watched(18, &[]);
    for major in [13, 18] {
        let mut cluster = watched(major, &[]);
        cluster.stop();
        fs::write(cluster.data_dir().join("standby.signal"), "").unwrap();
        let conf = cluster.data_dir().join("postgresql.conf");
        let text = fs::read_to_string(&conf).unwrap();
        fs::write(&conf, text + "hot_standby = off\n").unwrap();
        let mark = cluster.log_mark();
        cluster.launch_without_waiting();
        log_holds(&cluster, mark, "entering standby mode");
        refused_alone_and_beside_another(
            cluster.port(),
            &healthy,
            "\"*\"",
            "",
            Some("57P03"),
            &["the next run tries again"],
        );
    }
}

#[test]
fn one_missing_database_among_others() {
    let cluster = watched(13, &[]);
    let home = home("", &postgres(cluster.port(), r#"["missing", "postgres"]"#, ""));
    assert_code(&home, &home.cron(), 1);
    let items = Items::last(&home);
    items.assert_complete("postgres");
    let part = items.part("missing", "tables");
    assert_eq!((&part["reason"], &part["sqlstate"]), (&"database_refused".into(), &"3D000".into()), "{part}");
    assert!(part["detail"].as_str().unwrap().contains("correct databases"), "{part}");
}
