//! What was done is what is told, in each form, on each major.

use std::thread;

use postgres::{Client, NoTls};
use rustix::process::Signal;
use serde_json::Value;

use super::{home, items, kinds, read, read_until, sum, talkative, written};
use crate::support::cluster::Cluster;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};
use crate::support::postmaster::signal;

/// In every place where a value can stand; nowhere may it leave.
const SECRET: &str = "Zx7secret";

#[test]
fn counts_are_what_was_done_in_every_form() {
    thread::scope(|scope| {
        for major in majors() {
            for (form, ending) in [("stderr", ".log"), ("csvlog", ".csv"), ("jsonlog", ".json")] {
                if form != "jsonlog" || major >= 15 {
                    scope.spawn(move || check(major, form, ending));
                }
            }
        }
    });
}

fn check(major: u32, form: &str, ending: &str) {
    let cluster = talkative(major, &[("log_destination", form)]);
    let home = home(cluster.port(), "");
    assert_eq!(read(&home)["parts"]["log"]["reason"], "first_run");
    provoke(&cluster);
    let temp: (i64, i64) = {
        let sum = |column| format!("select sum({column})::int8 from pg_stat_database");
        eventually(LONG, || match cluster.one::<i64>("postgres", &sum("temp_files")) {
            0 => Err("the statistics lag behind"),
            files => Ok((files, cluster.one::<i64>("postgres", &sum("temp_bytes")))),
        })
    };
    crash(&cluster);
    cluster.conn("postgres").batch_execute("select 1 / 0").unwrap_err();
    read_until(&home, "division_by_zero", 4);
    let who = format!("{form} of PostgreSQL {major}");
    let told = kinds(&home);
    let raw = written(&cluster, ending);
    let in_log = |text: &str| raw.matches(text).count() as u64;
    for (kind, count) in [
        ("deadlock", 1),
        ("wrong_password", 2),
        ("statement_timeout", 1),
        ("statement_cancelled", 1),
        ("backend_terminated", 1),
        ("syntax_error", 1),
        ("table_missing", 1),
        ("unique_violation", 1),
        ("not_null_violation", 1),
        ("invalid_text", 2),
        ("raised", if form == "stderr" { 0 } else { 1 }),
        ("division_by_zero", 4),
        ("temporary_file", temp.0 as u64),
        ("process_crashed", 1),
        ("server_reset", 2),
        ("crash_recovery", in_log("database system was interrupted") + in_log("not properly shut down")),
        ("checkpoint", in_log("checkpoint complete: ")),
        ("autovacuum", in_log(" vacuum of table ")),
        ("autoanalyze", in_log("automatic analyze of table ")),
        ("lock_wait", in_log(" still waiting for ")),
        ("lock_acquired", in_log(" acquired ")),
        ("slow_statement", 2),
    ] {
        assert_eq!(told.get(kind).copied().unwrap_or_default(), count, "{kind} in {who}: {told:?}");
    }
    assert!(told["checkpoint"] >= 2 && told["autovacuum"] >= 1 && told["lock_wait"] >= 1, "{who}: {told:?}");
    assert_eq!(sum(&home, "/unparsed_lines"), 0, "{who}");
    assert_eq!(
        (sum(&home, "/temp_files/count"), sum(&home, "/temp_files/bytes")),
        (temp.0 as u64, temp.1 as u64)
    );
    assert_eq!(sum(&home, "/sessions/received"), told["connection_received"], "{who}");
    details(&home.batches(), &items(&home), &who);
}

fn details(batches: &[Value], items: &[Value], who: &str) {
    let text = serde_json::to_string(batches).unwrap();
    assert!(
        !text.contains(SECRET),
        "{who}: {}",
        &text[text.find(SECRET).unwrap().saturating_sub(300)..][..600]
    );
    let rows = |pointer: &str| -> Vec<Value> {
        items.iter().filter_map(|i| i.pointer(pointer)?.as_array().cloned()).flatten().collect()
    };
    let deadlock = rows("/deadlocks").remove(0);
    assert_eq!(deadlock["processes"].as_array().unwrap().len(), 2, "{who}: {deadlock}");
    assert_eq!(
        deadlock["processes"][0]["text"], "update pair set a = a + 0 where n = 0",
        "{who}: {deadlock}"
    );
    let waits = rows("/lock_waits/rows");
    assert!(waits.iter().any(|w| w["text"] == "begin; lock table held; commit"), "{who}: {waits:?}");
    assert!(waits.iter().all(|w| w["waited_ms"].as_f64().unwrap() >= 100.0), "{who}: {waits:?}");
    let vacuumed = rows("/autovacuums/rows");
    let ours = vacuumed.iter().find(|v| v["table"] == "eager" && v["tuples_removed"] != 0);
    let ours = ours.unwrap_or_else(|| panic!("{who}: {vacuumed:?}"));
    assert_eq!((&ours["schema"], &ours["database"]), (&"public".into(), &"postgres".into()));
    assert_eq!(ours["tuples_removed"].as_u64().unwrap() % 500, 0, "{who}: {ours}");
    assert!(ours["pages_removed"].is_u64(), "{who}: {ours}");
    let checkpoints = rows("/checkpoints/rows");
    let all = ["buffers_written", "write_ms", "sync_ms", "total_ms", "distance_kb"];
    assert!(checkpoints.iter().all(|c| all.iter().all(|f| c[f].is_number())), "{who}: {checkpoints:?}");
    let slow = rows("/slow_statements/rows");
    assert_eq!(slow.len(), 1, "{who}: {slow:?}");
    assert_eq!((&slow[0]["text"], &slow[0]["count"]), (&"select pg_sleep(0), '***'".into(), &2.into()));
    let failed = rows("/failed_statements");
    assert!(failed.iter().any(|f| f["text"] == "insert into pair values (0, 0, '***')"), "{who}: {failed:?}");
    let samples = rows("/samples");
    let of =
        |kind: &str| samples.iter().find(|s| s["kind"] == kind).unwrap_or_else(|| panic!("{who}: no {kind}"));
    assert_eq!(of("unique_violation")["detail"], "Key (name)=(***) already exists.", "{who}");
    assert_eq!(
        of("wrong_password")["message"],
        "password authentication failed for user \"guarded\"",
        "{who}"
    );
    assert!(of("process_crashed")["message"].as_str().unwrap().ends_with("signal 9: Killed"), "{who}");
    let at: jiff::Timestamp = of("deadlock")["at"].as_str().unwrap().parse().unwrap();
    assert!((jiff::Timestamp::now() - at).total(jiff::Unit::Second).unwrap() < 300.0, "{who}: {at}");
}

fn provoke(cluster: &Cluster) {
    let mut conn = cluster.conn("postgres");
    conn.batch_execute(&format!(
        "create table pair (n int primary key, a int not null, name text unique);
         insert into pair values (1, 0, 'a'), (2, 0, '{SECRET}'); create table held ();
         create table eager (a int) with (autovacuum_vacuum_threshold = 100, autovacuum_vacuum_scale_factor = 0,
             autovacuum_analyze_threshold = 100, autovacuum_analyze_scale_factor = 0);
         insert into eager select generate_series(1, 500); delete from eager; create role guarded login password 'x'"
    ))
    .unwrap();
    failures(cluster, &mut conn);
    passwords(cluster);
    deadlock(cluster);
    lock_wait(cluster, &mut conn);
    conn.batch_execute("set log_min_duration_statement = 10").unwrap();
    conn.batch_execute(&format!("select pg_sleep(0.01), '{SECRET}'")).unwrap();
    conn.batch_execute("select pg_sleep(0.02), 'other'").unwrap();
    conn.batch_execute("reset log_min_duration_statement").unwrap();
    conn.batch_execute("set work_mem = '64kB'").unwrap();
    conn.query("select count(*) from (select * from generate_series(1, 60000) n order by n desc) s", &[])
        .unwrap();
    conn.batch_execute("checkpoint").unwrap();
    vacuum(cluster, &mut conn);
    conn.batch_execute("checkpoint").unwrap();
}

/// Statistics of a busy server get lost, and a snapshot of somebody's keeps rows: then there is more to do.
fn vacuum(cluster: &Cluster, conn: &mut Client) {
    let done = "select autovacuum_count > 0 and autoanalyze_count > 0 from pg_stat_user_tables where relname = 'eager'";
    let mut looks = 0;
    eventually(LONG, || {
        looks += 1;
        if looks % 300 == 0 {
            conn.batch_execute("insert into eager select generate_series(1, 500); delete from eager")
                .unwrap();
        }
        if cluster.one::<bool>("postgres", done) { Ok(()) } else { Err("not vacuumed") }
    });
}

fn failures(cluster: &Cluster, conn: &mut Client) {
    for text in [
        "select 1 / 0".to_owned(),
        format!("select '{SECRET}'; select 1 / 0"),
        "select 1 / 0".to_owned(),
        format!("selec '{SECRET}'"),
        "select * from nowhere".to_owned(),
        format!("insert into pair values (3, 3, '{SECRET}')"),
        format!("insert into pair (n, name) values (4, '{SECRET}4')"),
        format!("select '{SECRET}'::int"),
        format!(
            "do $$ begin raise exception 'it is {SECRET}' using detail = '{SECRET}', hint = '{SECRET}'; end $$"
        ),
        "set statement_timeout = 10; select pg_sleep(60)".to_owned(),
    ] {
        conn.batch_execute(&text).unwrap_err();
        conn.batch_execute("rollback; reset statement_timeout").unwrap();
    }
    let copied = conn.copy_in("copy pair from stdin").and_then(|mut copy| {
        use std::io::Write;
        copy.write_all(format!("7\t{SECRET}\tx\n").as_bytes()).unwrap();
        copy.finish()
    });
    copied.unwrap_err();
    for end in ["pg_cancel_backend", "pg_terminate_backend"] {
        let mut victim = cluster.conn("postgres");
        let pid: i32 = victim.query_one("select pg_backend_pid()", &[]).unwrap().get(0);
        let waiting = thread::spawn(move || victim.batch_execute("select pg_sleep(60)"));
        let asleep =
            format!("select count(*) from pg_stat_activity where pid = {pid} and wait_event = 'PgSleep'");
        eventually(LONG, || if cluster.one::<i64>("postgres", &asleep) == 1 { Ok(()) } else { Err("awake") });
        cluster.sql("postgres", &format!("select {end}({pid})"));
        waiting.join().unwrap().unwrap_err();
    }
}

fn passwords(cluster: &Cluster) {
    let rules = cluster.data_dir().join("pg_hba.conf");
    let before = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(&rules, format!("host all guarded 127.0.0.1/32 scram-sha-256\n{before}")).unwrap();
    cluster.sql("postgres", "select pg_reload_conf()");
    let text =
        format!("host=127.0.0.1 port={} user=guarded dbname=postgres password={SECRET}", cluster.port());
    let mut refused = 0;
    eventually(LONG, || {
        refused += Client::connect(&text, NoTls).is_err_and(|e| e.code().is_some_and(|c| c.code() == "28P01"))
            as u32;
        if refused == 2 { Ok(()) } else { Err("let in") }
    });
}

fn deadlock(cluster: &Cluster) {
    let mut one = cluster.conn("postgres");
    let mut two = cluster.conn("postgres");
    let update = |n| format!("update pair set a = a + 1 where n = {n}");
    one.batch_execute(&format!("begin; {}", update(1))).unwrap();
    two.batch_execute(&format!("begin; {}", update(2))).unwrap();
    let crossed =
        thread::spawn(move || one.batch_execute(&format!("update pair set a = a + 1 where n = {}", 2)));
    let waiting = "select count(*) from pg_locks where not granted";
    eventually(LONG, || if cluster.one::<i64>("postgres", waiting) == 1 { Ok(()) } else { Err("not yet") });
    let here = two.batch_execute(&update(1));
    drop(two);
    let there = crossed.join().unwrap();
    assert!(here.is_err() != there.is_err(), "one of them has to go");
}

fn lock_wait(cluster: &Cluster, conn: &mut Client) {
    conn.batch_execute("begin; lock table held").unwrap();
    let mut other = cluster.conn("postgres");
    let waits = thread::spawn(move || other.batch_execute("begin; lock table held; commit"));
    eventually(LONG, || {
        let logged = ["log", "csv", "json"].iter().any(|ending| {
            let text = written(cluster, ending);
            text.lines().any(|l| l.contains(" still waiting for AccessExclusiveLock on relation"))
        });
        if logged { Ok(()) } else { Err("nobody waits long enough") }
    });
    conn.batch_execute("rollback").unwrap();
    waits.join().unwrap().unwrap();
}

fn crash(cluster: &Cluster) {
    let victim: i32 = {
        let mut conn = cluster.conn("postgres");
        let pid = conn.query_one("select pg_backend_pid()", &[]).unwrap().get(0);
        signal(pid, Signal::KILL);
        pid
    };
    eventually(LONG, || {
        let gone = written(cluster, "").contains(&format!("(PID {victim}) was terminated"));
        let text = format!("host=127.0.0.1 port={} user=postgres dbname=postgres", cluster.port());
        match Client::connect(&text, NoTls) {
            Ok(_) if gone => Ok(()),
            _ => Err("it recovers"),
        }
    });
}
