use super::scene::{Items, assert_code, home, named, postgres, watched};
use crate::support::poll::{LONG, SOON, eventually};
use crate::support::ports;
use crate::support::proxy::{Mode, Proxy};

/// More threads than connections, and a server that is not there: nobody waits for it, and it is tried once.
#[test]
fn a_dead_server_costs_one_attempt() {
    let cluster = watched(18, &[]);
    for n in 0..5 {
        cluster.sql("postgres", &format!("create database d{n}"));
    }
    let nobody = ports::lease();
    let resetting = Proxy::start(([127, 0, 0, 1], cluster.port()).into());
    resetting.set(Mode::Reset);
    for dead in [nobody.number, resetting.port()] {
        let home = home(
            "",
            &format!(
                "[postgresql]\npool_min_size = 1\npool_max_size = 1\n[collector_threading]\nthread_pool_size = 16\n{}{}{}",
                named("one", cluster.port(), "\"*\"", ""),
                named("dead", dead, "\"*\"", ""),
                named("two", cluster.port(), "\"*\"", ""),
            ),
        );
        let run = home.cron();
        assert_code(&home, &run, 1);
        assert!(run.took < SOON, "{:?}", run.took);
        let items = Items::last(&home);
        items.assert_host();
        for server in ["one", "two"] {
            for database in ["postgres", "d0", "d1", "d2", "d3", "d4"] {
                assert_eq!(items.of("pg_stats", server, Some(database))["outcome"], "ok");
            }
        }
        let part = &items.of("pg_stats", "dead", None)["parts"]["tables"];
        assert_eq!(part["reason"], "server_refused", "{part}");
        for server in items.agent()["servers"].as_array().unwrap() {
            let peak = if server["server"] == "dead" { 0 } else { 1 };
            assert_eq!(server["pool_active_peak"], peak, "{server}");
        }
    }
    assert_eq!(resetting.connections(), 1, "{:?}", resetting.faults());
}

/// It dies between the probe and the visits: the first visit that is refused speaks for those that wait.
#[test]
fn a_server_that_dies_in_the_middle_is_not_asked_for_each_database() {
    let cluster = watched(18, &[]);
    for n in 0..12 {
        cluster.sql("postgres", &format!("create database d{n:02}"));
    }
    let proxy = Proxy::start(([127, 0, 0, 1], cluster.port()).into());
    let home = home("", &postgres(proxy.port(), "\"*\"", "pool_min_size = 1\npool_max_size = 1"));
    proxy.set(Mode::Delay { ms: 40 });
    let run = home.spawn(&["cron"]);
    eventually(LONG, || match proxy.connections() {
        n if n >= 3 => Ok(()),
        n => Err(n),
    });
    proxy.set(Mode::Reset);
    let before = proxy.connections();
    let run = run.wait(LONG);
    assert_code(&home, &run, 1);
    assert!(run.took < SOON, "{:?}", run.took);
    assert_eq!(proxy.connections(), before + 1, "{:?}", proxy.faults());
    let items = Items::last(&home);
    items.assert_host();
    let part = items.part("d11", "tables");
    assert_eq!(part["reason"], "server_refused", "{part}");
    assert_eq!(items.part("d11", "database")["outcome"], "ok", "read with the first visit");
    assert!(home.log().contains("Failed to acquire connection from pool"), "{}", home.log());
    proxy.set(Mode::Forward);
    assert_code(&home, &home.cron(), 0);
    Items::last(&home).stats("d11")["tables"].as_array().expect("tables");
}
