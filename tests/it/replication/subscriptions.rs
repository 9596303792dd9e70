use serde_json::Value;

use super::same::{Field, ask, rows_agree, steady};
use super::scene::Scene;
use super::standbys;
use crate::cycle::item::{cycle, item};

const SUBSCRIPTION: &[Field] = &[
    (13, "name", "u.subname"),
    (13, "subid", "s.subid::int8"),
    (13, "database", "(select datname from pg_database d where d.oid = u.subdbid)"),
    (13, "owner", "u.subowner::regrole"),
    (13, "enabled", "u.subenabled"),
    (13, "slot_name", "u.subslotname"),
    (13, "publications", "u.subpublications"),
    (13, "worker_pid", "s.pid"),
    (13, "sync_workers", "0"),
    (13, "received_lsn", "s.received_lsn"),
    (13, "latest_end_lsn", "s.latest_end_lsn"),
    (13, "latest_end_time", "s.latest_end_time"),
    (13, "last_msg_send_time", "s.last_msg_send_time"),
    (13, "last_msg_receipt_time", "s.last_msg_receipt_time"),
    (14, "binary", "u.subbinary"),
    (15, "disable_on_error", "u.subdisableonerr"),
    (15, "apply_error_count", "(select apply_error_count from pg_stat_subscription_stats)"),
    (15, "sync_error_count", "(select sync_error_count from pg_stat_subscription_stats)"),
    (15, "stats_reset", "(select stats_reset from pg_stat_subscription_stats)"),
    (16, "origin", "u.suborigin"),
    (16, "parallel_workers", "0"),
    (17, "failover", "u.subfailover"),
    (18, "confl_insert_exists", "(select confl_insert_exists from pg_stat_subscription_stats)"),
];

const PUBLICATION: &[Field] = &[
    (13, "name", "pubname"),
    (13, "owner", "pubowner::regrole"),
    (13, "all_tables", "puballtables"),
    (13, "inserts", "pubinsert"),
    (13, "updates", "pubupdate"),
    (13, "deletes", "pubdelete"),
    (13, "truncates", "pubtruncate"),
    (13, "via_root", "pubviaroot"),
    (
        13,
        "tables",
        "case when not puballtables then (select count(*) from pg_publication_tables t where t.pubname = p.pubname) end",
    ),
];

/// Gives back the items of both databases.
pub(super) fn are_told_on_both_sides(scene: &Scene) -> Vec<Value> {
    let server = &scene.primary;
    let from = "from pg_subscription u join pg_stat_subscription s on s.subname = u.subname";
    let (told, rows) = steady(|| ask(server, "postgres", SUBSCRIPTION, from), || scene.run());
    rows_agree(&told["logical_subscriptions"], &rows, "name");
    let row = &told["logical_subscriptions"][0];
    assert!(row["worker_pid"].is_i64() && row["received_lsn"].is_string(), "{row:#}");
    assert!((0.0..60_000.0).contains(&row["last_msg_age_ms"].as_f64().unwrap()), "{row:#}");

    let batch = cycle(&scene.home, &["cron", "--force"]);
    standbys::keeps_the_password(&scene.home);
    let (publisher, subscriber) =
        (item(&batch, "pg_replication", Some("pub")), item(&batch, "pg_replication", Some("sub")));
    rows_agree(&publisher["publications"], &ask(server, "pub", PUBLICATION, "from pg_publication p"), "name");
    assert_eq!(publisher["publications"].as_array().unwrap().len(), 2);
    assert_eq!(subscriber["publications"], Value::Array(Vec::new()));
    let tables = &subscriber["subscription_tables"][0];
    assert_eq!(
        (&tables["subscription"], &tables["tables"], &tables["ready"]),
        (&"s".into(), &1.into(), &1.into())
    );
    stops_with_its_worker(scene);
    vec![publisher.clone(), subscriber.clone()]
}

fn stops_with_its_worker(scene: &Scene) {
    let server = &scene.primary;
    server.sql("sub", "alter subscription s disable");
    crate::support::poll::eventually(crate::support::poll::LONG, || {
        match server.one::<i64>("postgres", "select count(pid) from pg_stat_subscription") {
            0 => Ok(()),
            n => Err(n),
        }
    });
    let told = scene.run();
    let row = &told["logical_subscriptions"][0];
    assert_eq!((&row["enabled"], &row["worker_pid"]), (&false.into(), &Value::Null), "{row:#}");
    assert!(row["received_lsn"].is_null() && row["last_msg_age_ms"].is_null(), "{row:#}");
    server.sql("sub", "alter subscription s enable");
}
