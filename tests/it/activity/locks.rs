//! Chains that the test makes come back as they are.

use serde_json::{Value, json};

use super::{Busy, Held, held, home, maybe, number, of};
use crate::cycle::item::{cycle, item, rows};
use crate::support::cluster::{Cluster, shared};
use crate::support::majors;

fn chain(batch: &Value, pid: i32) -> &Value {
    of(batch, "pg_locks", "lock_wait_chains", "blocked_pid", pid)
}

fn blocker(batch: &Value, pid: i32) -> &Value {
    of(batch, "pg_locks", "blocking_queries", "pid", pid)
}

/// Depth, the one ahead, and the root.
fn place(batch: &Value, pid: i32) -> [i64; 3] {
    let row = chain(batch, pid);
    ["depth", "blocking_pid", "root_pid"]
        .map(|field| row[field].as_i64().unwrap_or_else(|| panic!("{field}: {row:#}")))
}

fn release(root: Held, waiting: impl IntoIterator<Item = Busy>) {
    drop(root);
    waiting.into_iter().for_each(|busy| busy.ends().unwrap());
}

const TABLES: &str = "create table t (a int, b int); create table u (a int); create table v (a int); insert into t values (1, 0)";

fn table(text: &str) -> String {
    format!("lock table {text} in access exclusive mode")
}

#[test]
fn a_chain_three_deep() {
    for major in majors() {
        let server = shared(major);
        let db = server.fresh_database("chain");
        server.sql(&db, TABLES);
        let a = held(server, &db, &["begin", &table("t")]);
        let b = held(server, &db, &["set application_name = 'middle'", "begin", &table("u")]);
        let c = held(server, &db, &["begin", &table("v")]);
        let (pid_a, b) = (a.pid, b.enters(&table("t")).waits(server));
        let c = c.enters(&table("u")).waits(server);
        let d = held(server, &db, &["begin"]).enters(&table("v")).waits(server);
        let home = home(server, &db);
        let batch = cycle(&home, &["cron"]);
        let (pid_a, pid_b, pid_c) = (i64::from(pid_a), i64::from(b.pid), i64::from(c.pid));
        assert_eq!(place(&batch, b.pid), [1, pid_a, pid_a], "{major}");
        assert_eq!(place(&batch, c.pid), [2, pid_b, pid_a], "{major}");
        assert_eq!(place(&batch, d.pid), [3, pid_c, pid_a], "{major}");

        let row = chain(&batch, c.pid);
        let relid: u32 = server.one(&db, "select 'u'::regclass::oid");
        for (field, value) in [
            ("locktype", json!("relation")),
            ("mode", json!("AccessExclusiveLock")),
            ("relation", json!("public.u")),
            ("relid", json!(relid)),
            ("blocked_database", json!(db)),
            ("blocked_user", json!("postgres")),
            ("blocked_application", json!("bed")),
            ("blocked_query", json!(table("u"))),
            ("blocking_application", json!("middle")),
            ("blocking_query", json!(table("t"))),
            ("blocking_state", json!("active")),
            ("blocking_pids", json!([pid_b])),
            ("blocking_pids_total", json!(1)),
        ] {
            assert_eq!(row[field], value, "{field} on {major}: {row:#}");
        }
        for (pid, root, direct, all) in [(pid_a, true, 1, 3), (pid_b, false, 1, 2), (pid_c, false, 1, 1)] {
            let row = blocker(&batch, pid as i32);
            let told = [&row["root"], &row["blocked_directly"], &row["blocked"]];
            assert_eq!(told, [&json!(root), &json!(direct), &json!(all)], "{major}: {row:#}");
        }
        assert_eq!(blocker(&batch, pid_a as i32)["state"], "idle in transaction");
        assert!(maybe(&batch, "pg_locks", "blocking_queries", "pid", d.pid).is_none(), "nobody is behind it");
        the_wait_grows(major, &batch, &cycle(&home, &["cron"]), d.pid);
        the_locks_are_counted(&batch, &db);
        release(a, [b, c, d]);
        let after = cycle(&home, &["cron"]);
        assert!(
            rows(item(&after, "pg_locks", None), "lock_wait_chains")
                .iter()
                .all(|r| r["blocked_database"] != *db)
        );
    }
}

/// Before 14 a server does not know since when a session waits, and nothing is made up.
fn the_wait_grows(major: u32, before: &Value, after: &Value, pid: i32) {
    let field = if major >= 14 { "wait_ms" } else { "query_ms" };
    let ms = |batch| number(&chain(batch, pid)[field]);
    assert!(ms(after) > ms(before) && ms(before) > 0.0, "{major}: {} {}", ms(before), ms(after));
    assert_eq!(chain(before, pid)["wait_ms"].is_number(), major >= 14);
}

fn the_locks_are_counted(batch: &Value, db: &str) {
    let locks = item(batch, "pg_locks", None);
    let of = |relation: &str, granted: bool| {
        let found = rows(locks, "active_locks")
            .iter()
            .find(|row| row["relation"] == *relation && row["database"] == *db && row["granted"] == granted);
        found.unwrap_or_else(|| panic!("no {relation}, granted {granted}, in {locks:#}"))
    };
    for relation in ["public.t", "public.u", "public.v"] {
        for granted in [true, false] {
            let row = of(relation, granted);
            let told = [&row["count"], &row["sessions"], &row["mode"], &row["locktype"]];
            assert_eq!(told, [&json!(1), &json!(1), &json!("AccessExclusiveLock"), &json!("relation")]);
        }
    }
    assert!(locks["waiting"].as_i64().unwrap() >= 3);
    assert!(locks["lock_wait_chains_total"].as_i64().unwrap() >= 3);
}

#[test]
fn two_behind_one_and_a_queue() {
    for major in majors() {
        let server = shared(major);
        let db = server.fresh_database("queue");
        server.sql(&db, TABLES);
        let a = held(server, &db, &["begin", "insert into t values (2)"]);
        let root = i64::from(a.pid);
        let share = "lock table t in share mode";
        let both = [(); 2].map(|()| held(server, &db, &["begin"]).enters(share).waits(server));
        // Blocked by the holder, and by the two that asked before it.
        let last = held(server, &db, &["begin"]).enters(&table("t")).waits(server);
        let home = home(server, &db);
        let batch = cycle(&home, &["cron"]);
        for busy in &both {
            assert_eq!(place(&batch, busy.pid), [1, root, root], "{major}");
        }
        assert_eq!(blocker(&batch, a.pid)["blocked_directly"], 3);
        assert_eq!(blocker(&batch, a.pid)["blocked"], 3);
        let row = chain(&batch, last.pid);
        assert_eq!((&row["depth"], &row["root_pid"]), (&json!(2), &json!(root)), "{row:#}");
        assert_eq!(row["blocking_pids_total"], 3, "{row:#}");
        assert!(both.iter().any(|busy| row["blocking_pid"] == busy.pid), "{row:#}");
        release(a, both.into_iter().chain([last]));
    }
}

#[test]
fn rows_and_advisory_locks_and_another_database() {
    for major in majors() {
        let server = shared(major);
        let (db, other) = (server.fresh_database("here"), server.fresh_database("there"));
        server.sql(&db, TABLES);
        server.sql(&other, TABLES);
        let update = "update t set b = b + 1";
        let a = held(server, &db, &["begin", update]);
        let root = i64::from(a.pid);
        let first = held(server, &db, &["begin"]).enters(update).waits(server);
        let second = held(server, &db, &[]).enters(update).waits(server);
        let adviser = held(server, &db, &["select pg_advisory_lock(7)"]);
        let advised = held(server, &db, &[]).enters("select pg_advisory_lock(7)").waits(server);
        let far = held(server, &other, &["begin", &table("u")]);
        let far_off = held(server, &other, &["begin"]).enters(&table("u")).waits(server);
        let home = home(server, &db);
        let batch = cycle(&home, &["cron"]);
        assert_eq!(place(&batch, first.pid), [1, root, root], "{major}");
        let row = chain(&batch, first.pid);
        assert_eq!((&row["locktype"], &row["mode"]), (&json!("transactionid"), &json!("ShareLock")));
        assert!(row.get("relation").is_none(), "{row:#}");
        assert_eq!(row["blocked_query"], "update t set b = b + 0", "its literal is masked");
        // It waits for the first, which keeps the row's place for itself.
        assert_eq!(place(&batch, second.pid), [2, i64::from(first.pid), root], "{major}");
        let row = chain(&batch, second.pid);
        assert_eq!((&row["locktype"], &row["relation"]), (&json!("tuple"), &json!("public.t")), "{row:#}");
        let row = chain(&batch, advised.pid);
        assert_eq!((&row["locktype"], &row["blocking_pid"]), (&json!("advisory"), &json!(adviser.pid)));
        let row = chain(&batch, far_off.pid);
        let relid: u32 = server.one(&other, "select 'u'::regclass::oid");
        assert_eq!((&row["blocked_database"], &row["relid"]), (&json!(other), &json!(relid)), "{row:#}");
        assert!(row.get("relation").is_none(), "its name is not known from here: {row:#}");
        release(a, [first]);
        release(adviser, [advised]);
        release(far, [far_off]);
        second.ends().unwrap();
    }
}

#[test]
fn a_prepared_transaction_in_the_way() {
    let server = Cluster::start(majors()[0], &[("max_prepared_transactions", "5")]);
    server.sql("postgres", TABLES);
    drop(held(&server, "postgres", &["begin", &table("t"), "prepare transaction 'forgotten'"]));
    let busy = held(&server, "postgres", &["begin"]).enters(&table("t")).waits(&server);
    let batch = cycle(&home(&server, "postgres"), &["cron"]);
    let row = chain(&batch, busy.pid);
    assert_eq!((&row["blocking_pid"], &row["blocking_state"]), (&json!(0), &json!("prepared transaction")));
    let row = blocker(&batch, 0);
    assert_eq!((&row["root"], &row["blocked"]), (&json!(true), &json!(1)), "{row:#}");
    server.sql("postgres", "rollback prepared 'forgotten'");
    busy.ends().unwrap();
}
