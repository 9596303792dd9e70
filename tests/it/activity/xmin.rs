//! Everything that can hold the horizon back does, for real, and is told with its age.

use serde_json::{Value, json};

use super::replication::Walsender;
use super::{held, home, number, until};
use crate::cycle::item::{cycle, item, rows};
use crate::support::cluster::Cluster;
use crate::support::majors;

const BURNT: i64 = 50;

#[test]
fn each_kind_of_holder() {
    std::thread::scope(|scope| {
        for major in majors() {
            scope.spawn(move || check(major));
        }
    });
}

fn check(major: u32) {
    let server = Cluster::start(major, &[("max_prepared_transactions", "5"), ("autovacuum", "off")]);
    server.sql("postgres", "create table t (a int)");
    let home = home(&server, "postgres");
    let free = cycle(&home, &["cron"]);
    let nobody = item(&free, "pg_xmin", None);
    assert_eq!((&nobody["holders"], &nobody["holders_total"]), (&json!([]), &json!(0)));
    assert!(nobody.get("oldest_age").is_none() && nobody["by_kind"] == json!({}), "{nobody:#}");

    server.sql("postgres", "select pg_create_logical_replication_slot('decoder', 'pgoutput')");
    server.sql("postgres", "select pg_create_physical_replication_slot('follower')");
    let xmin: i64 = server.one("postgres", "select txid_snapshot_xmin(txid_current_snapshot())");
    let (mut with_slot, mut without) = (Walsender::open(&server), Walsender::open(&server));
    with_slot.streams(&server, Some("follower"));
    with_slot.holds(xmin as u32);
    without.streams(&server, None);
    without.holds(xmin as u32);
    until(
        &server,
        "select count(*) from pg_stat_get_activity(null) where backend_xmin is not null and backend_type = 'walsender'",
        1,
    );
    until(
        &server,
        "select count(*) from pg_replication_slots where slot_name = 'follower' and xmin is not null",
        1,
    );
    burn(&server);
    let snapshot = held(&server, "postgres", &["begin isolation level repeatable read", "select 'secret'"]);
    burn(&server);
    drop(held(
        &server,
        "postgres",
        &["begin", "insert into t values (1)", "prepare transaction 'forgotten'"],
    ));
    burn(&server);
    let writer = held(&server, "postgres", &["begin", "insert into t values (2)"]);
    burn(&server);
    let batch = cycle(&home, &["cron"]);
    let found = item(&batch, "pg_xmin", None);

    let row = holder(found, "name", json!("decoder"));
    assert_eq!((&row["kind"], &row["active"]), (&json!("replication_slot"), &json!(false)));
    assert!(aged(row, "catalog_xmin_age", 4 * BURNT) && row.get("xmin_age").is_none(), "{row:#}");
    let row = holder(found, "name", json!("follower"));
    assert!(
        row["active"] == true && row["kind"] == "replication_slot" && aged(row, "xmin_age", 4 * BURNT),
        "{row:#}"
    );
    let standbys: Vec<&Value> = rows(found, "holders").iter().filter(|h| h["kind"] == "standby").collect();
    assert_eq!(standbys.len(), 1, "the other is told as its slot: {found:#}");
    assert!(
        standbys[0]["application"] == "stand-in" && aged(standbys[0], "xmin_age", 4 * BURNT),
        "{found:#}"
    );
    let row = holder(found, "name", json!("forgotten"));
    assert!(row["kind"] == "prepared_transaction" && aged(row, "xid_age", 2 * BURNT), "{row:#}");
    assert_eq!((&row["user"], &row["database"]), (&json!("postgres"), &json!("postgres")));
    let row = holder(found, "pid", json!(snapshot.pid));
    assert!(
        row["kind"] == "transaction" && aged(row, "xmin_age", 3 * BURNT) && row.get("xid_age").is_none(),
        "{row:#}"
    );
    assert_eq!((&row["query"], &row["state"]), (&json!("select '***'"), &json!("idle in transaction")));
    let row = holder(found, "pid", json!(writer.pid));
    assert!(aged(row, "xid_age", BURNT), "{row:#}");
    for row in rows(found, "holders") {
        let since = row["kind"] != "replication_slot" || row["active"] == false && major >= 17;
        assert_eq!(row["since"].is_string(), since, "{major}: {row:#}");
    }
    the_kinds_agree(found);
    let oldest = &item(&batch, "pg_connections", None)["oldest_xmin"];
    assert!(oldest["backend_type"] == "walsender" && aged(oldest, "age", 4 * BURNT), "{oldest:#}");

    burn(&server);
    let age = |batch: &Value| number(&item(batch, "pg_xmin", None)["oldest_age"]);
    assert!(age(&cycle(&home, &["cron"])) >= age(&batch) + BURNT as f64, "it grows");
}

/// Transactions that end.
fn burn(server: &Cluster) {
    let mut conn = server.conn("postgres");
    (0..BURNT).for_each(|_| conn.batch_execute("insert into t values (0)").unwrap());
}

fn holder<'a>(found: &'a Value, field: &str, value: Value) -> &'a Value {
    let row = rows(found, "holders").iter().find(|h| h[field] == value);
    row.unwrap_or_else(|| panic!("no {field} {value} in {found:#}"))
}

/// At least so old, and not much more.
fn aged(row: &Value, field: &str, least: i64) -> bool {
    (least..least + 30).contains(&row[field].as_i64().unwrap_or(-1))
}

fn the_kinds_agree(found: &Value) {
    for (kind, holders) in
        [("replication_slot", 2), ("standby", 1), ("prepared_transaction", 1), ("transaction", 2)]
    {
        let of_kind = &found["by_kind"][kind];
        let ages = rows(found, "holders").iter().filter(|h| h["kind"] == kind).map(|h| h["age"].as_i64());
        assert_eq!(of_kind["holders"], holders, "{found:#}");
        assert_eq!(of_kind["oldest_age"].as_i64(), ages.max().unwrap(), "{found:#}");
    }
    let ages: Vec<i64> = rows(found, "holders").iter().map(|h| h["age"].as_i64().unwrap()).collect();
    assert!(ages.is_sorted_by(|a, b| a >= b), "{ages:?}");
    assert_eq!(found["oldest_age"].as_i64(), Some(ages[0]));
    assert_eq!(found["oldest_kind"], rows(found, "holders")[0]["kind"]);
    assert_eq!(found["holders_total"], 6);
}
