//! Cron mails what is written: a condition when it begins, once a day, and when it ends.

use crate::cycle::item::{config, watching};
use crate::support::cluster::{Cluster, shared};
use crate::support::majors;

#[test]
fn a_broken_server_is_told_when_it_breaks_and_when_it_is_back() {
    let mut server = Cluster::start(majors()[0], &[]);
    let home = watching(&server, "postgres", "");
    assert_eq!(home.cron().stderr, "");
    server.stop();
    let first = home.cron();
    assert_eq!(first.code, Some(3));
    assert_eq!(first.stderr.lines().count(), 1, "{}", first.stderr);
    assert!(first.stderr.starts_with("pganalytics: server main cannot be collected: "), "{}", first.stderr);
    let batch = home.batches().pop().unwrap();
    let told = crate::cycle::item::item(&batch, "pg_stats", None);
    assert_eq!(told["parts"]["tables"]["reason"], "server_refused", "a refused server is data too");
    crate::cycle::item::item(&batch, "sysstat", None);
    for _ in 0..2 {
        let again = home.cron();
        assert_eq!((again.code, again.stderr.as_str()), (Some(3), ""));
    }
    server.restart();
    let back = home.cron();
    assert_eq!(back.code, Some(0));
    assert!(
        back.stderr.starts_with("pganalytics: over after ") && back.stderr.contains("server main"),
        "{}",
        back.stderr
    );
    assert_eq!(home.cron().stderr, "");
}

#[test]
fn a_part_that_fails_now_and_then_due_is_told_once() {
    let server = shared(majors()[0]);
    let database = server.fresh_database("mail");
    let home = watching(server, &format!("{database}, missing_one"), "");
    let first = home.cron();
    assert_eq!(first.code, Some(1));
    let lines = first.stderr.lines().count();
    assert!(lines > 0 && first.stderr.contains("missing_one"), "{}", first.stderr);
    // Sizes are not due now, which does not mean that they are mended.
    assert_eq!((home.cron().code, home.cron().stderr.as_str()), (Some(1), ""));
    assert_eq!(home.run(&["--force"]).stderr, "");
    config(&home, server.port(), &database, "");
    let forced = home.run(&["--force"]);
    assert_eq!(forced.code, Some(0));
}
