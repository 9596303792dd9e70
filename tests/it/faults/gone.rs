use std::net::SocketAddr;
use std::time::Duration;

use super::scene::{Items, assert_code, assert_sizes, home, log_holds, nothing_left, postgres, row, watched};
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::poll::{LONG, SOON, eventually};
use crate::support::proxy::{Mode, Proxy};

const NAMED: &str = r#"["fine", "held", "shut", "victim"]"#;

/// Databases `fine`, `held`, `shut` (closed to the role) and `victim`, with a table, an index and rows each.
fn four(major: u32) -> Cluster {
    let cluster = watched(major, &[]);
    for database in ["fine", "held", "shut", "victim"] {
        cluster.sql("postgres", &format!("create database {database}"));
        cluster.sql(
            database,
            "create table t as select g, repeat('x', 50) as x from generate_series(1, 3000) g; \
             create index i on t (g); create table other as select 1 as a; analyze",
        );
    }
    cluster.sql("postgres", "revoke connect on database shut from public");
    cluster
}

fn proxied(cluster: &Cluster, databases: &str) -> (Proxy, Home) {
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], cluster.port())));
    let server = postgres(proxy.port(), databases, "pool_min_size = 1\npool_max_size = 1");
    (proxy, home("", &server))
}

fn check_the_others(cluster: &Cluster, items: &Items, by_name: bool) {
    items.assert_complete("fine");
    assert_sizes(cluster, "fine", items.stats("fine"), &[]);
    let held = items.stats("held");
    assert_sizes(cluster, "held", held, &["t", "i"]);
    assert_eq!(held["parts"]["sizes"]["reason"], "lock");
    assert!(
        held["parts"]["sizes"]["locked"].as_array().unwrap().iter().any(|name| name == "public.t"),
        "{held}"
    );
    assert_eq!(row(held, "tables", "t")["size_estimated"], true);
    assert!(row(held, "tables", "t")["size_bytes"].as_u64().unwrap() > 100_000, "{held}");
    let shut = items.stats("shut");
    assert_eq!(shut["parts"]["database"]["outcome"], "ok", "{shut}");
    assert!(shut["size_bytes"].as_u64().unwrap() > 1_000_000, "{shut}");
    let reason = if by_name { "database_refused" } else { "not_applicable" };
    assert_eq!(
        (&shut["parts"]["tables"]["reason"], &shut["parts"]["tables"]["sqlstate"]),
        (&reason.into(), &"42501".into())
    );
}

/// Between the probe and its visit: slowed down, the run visits one database after the other.
fn dropped_before_its_visit(major: u32, databases: &str, code: i32) {
    let cluster = four(major);
    let (proxy, home) = proxied(&cluster, databases);
    let mut holder = cluster.conn("held");
    holder.batch_execute("begin; lock table t in access exclusive mode").unwrap();
    proxy.set(Mode::Delay { ms: 60 });
    let mark = cluster.log_mark();
    let run = home.spawn(&["cron"]);
    log_holds(&cluster, mark, "user=mon");
    eventually(
        LONG,
        || if proxy.bytes_from_server() > 2000 { Ok(()) } else { Err(proxy.bytes_from_server()) },
    );
    cluster.sql("postgres", "drop database victim");
    let run = run.wait(LONG);
    assert!(run.took < SOON, "{:?}", run.took);
    assert!(
        cluster.log_since(mark).contains("database \"victim\" does not exist"),
        "{}",
        cluster.log_since(mark)
    );
    assert_code(&home, &run, code);
    nothing_left(&cluster, Duration::from_secs(1));
    let items = Items::last(&home);
    check_the_others(&cluster, &items, databases != "\"*\"");
    let part = items.part("victim", "tables");
    assert_eq!((&part["reason"], &part["sqlstate"]), (&"database_dropped".into(), &"3D000".into()), "{part}");
}

#[test]
fn a_lock_a_closed_and_a_dropped_database_cost_themselves_alone() {
    dropped_before_its_visit(13, "\"*\"", 0);
    dropped_before_its_visit(18, NAMED, 1);
}

/// While the collector sits in it: its backend is ended, and there is nothing to come back to.
fn dropped_under_us(major: u32, databases: &str, code: i32) {
    let cluster = four(major);
    let (proxy, home) = proxied(&cluster, databases);
    let mut holder = cluster.conn("held");
    holder.batch_execute("begin; lock table t in access exclusive mode").unwrap();
    proxy.set(Mode::Delay { ms: 60 });
    let mark = cluster.log_mark();
    let run = home.spawn(&["cron"]);
    log_holds(&cluster, mark, "user=mon database=victim");
    cluster.sql("postgres", "drop database victim with (force)");
    let run = run.wait(LONG);
    assert!(cluster.log_since(mark).contains("terminating connection due to administrator command"));
    assert!(run.took < SOON, "{:?}", run.took);
    assert_code(&home, &run, code);
    nothing_left(&cluster, Duration::from_secs(1));
    let items = Items::last(&home);
    check_the_others(&cluster, &items, databases != "\"*\"");
    let part = items.part("victim", "tables");
    assert_eq!((&part["reason"], &part["sqlstate"]), (&"database_dropped".into(), &"3D000".into()), "{part}");
}

#[test]
fn a_database_dropped_by_force_while_we_sit_in_it() {
    dropped_under_us(13, NAMED, 1);
    dropped_under_us(18, "\"*\"", 0);
}

#[test]
fn an_ended_backend_costs_the_part_under_way() {
    let cluster = four(18);
    let home = home(
        "",
        &postgres(
            cluster.port(),
            r#"["postgres", "fine"]"#,
            "lock_timeout_ms = 20000\nstatement_timeout_ms = 20000",
        ),
    );
    let mut holder = cluster.conn("fine");
    holder.batch_execute("begin; lock table pg_statistic in access exclusive mode").unwrap();
    let run = home.spawn(&["cron"]);
    let ours = "select pid from pg_stat_activity where application_name = 'pganalytics' and wait_event_type = 'Lock' \
                and query like '%pganalytics:pg_stats%'";
    let mut looks = cluster.conn("postgres");
    let pid: i32 =
        eventually(LONG, || looks.query_opt(ours, &[]).unwrap().map(|r| r.get(0)).ok_or("not yet"));
    let ended: bool = looks.query_one("select pg_terminate_backend($1)", &[&pid]).unwrap().get(0);
    assert!(ended);
    holder.batch_execute("rollback").unwrap();
    let run = run.wait(LONG);
    assert_code(&home, &run, 1);
    let items = Items::last(&home);
    let parts = items.stats("fine")["parts"].as_object().unwrap();
    let lost: Vec<_> = parts.values().filter(|p| p["reason"] == "connection_lost").collect();
    assert_eq!(lost.len(), 1, "{parts:?}");
    assert_eq!(parts.values().filter(|p| p["outcome"] == "ok").count(), parts.len() - 1, "{parts:?}");
}
