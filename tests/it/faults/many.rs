use std::fs;
use std::time::Duration;

use super::scene::{Items, assert_code, configure, home, log_holds, nothing_left, postgres, watched};
use crate::support::home::Home;
use crate::support::poll::{LONG, SOON};
use crate::support::proxy::{Mode, Proxy};
use crate::support::stub::{Answer, Stub};

#[test]
fn twenty_databases_take_twenty_connections() {
    for major in [13, 18] {
        let cluster = watched(major, &[("log_statement", "all")]);
        let mut names: Vec<String> = (0..20).map(|n| format!("d{n:02}")).collect();
        for name in &names {
            cluster.sql("postgres", &format!("create database {name}"));
        }
        let mut home = home("", &postgres(cluster.port(), &format!("{names:?}"), ""));
        let mut counted = Vec::new();
        for minute in 0..3 {
            let mark = cluster.log_mark();
            let run = home.cron();
            assert_code(&home, &run, 0);
            let log = cluster.log_since(mark);
            for name in &names {
                let line = format!("connection authorized: user=mon database={name} ");
                assert_eq!(log.matches(&line).count(), 1, "{name} in run {minute}");
            }
            assert_eq!(log.matches("authorized: user=mon").count(), 20, "run {minute}");
            let items = Items::last(&home);
            let agent = items.agent()["servers"][0].clone();
            assert_eq!(agent["connections_opened"], 20, "{agent}");
            assert_eq!(agent["failed_statements"], 0, "{agent}");
            counted.push(agent["statements"].as_u64().unwrap());
            for name in &names {
                let item = items.stats(name);
                assert!(item["tables"].is_array() && item["indexes"].is_array(), "{item}");
                assert_eq!(item["size_bytes"].is_null(), minute > 0, "{item}");
                assert_eq!(item["parts"]["sizes"].is_null(), minute > 0, "sizes run once: {item}");
            }
        }
        // The seldom ones come once; a part with a minute of its own may come in any run.
        assert!(counted[0] > counted[1].max(counted[2]), "{counted:?}");
        // All of them closed but one: the probe finds its way, with an attempt for each.
        cluster.sql(
            "postgres",
            &names[..6]
                .iter()
                .map(|n| format!("revoke connect on database {n} from public;"))
                .collect::<String>(),
        );
        names.truncate(7);
        home = super::scene::home("", &postgres(cluster.port(), &format!("{names:?}"), ""));
        assert_code(&home, &home.cron(), 1);
        Items::last(&home).assert_complete("d06");
    }
}

#[test]
fn a_second_run_at_once_changes_nothing() {
    let cluster = watched(18, &[]);
    let proxy = Proxy::start(([127, 0, 0, 1], cluster.port()).into());
    proxy.set(Mode::Delay { ms: 150 });
    let home = home("", &postgres(proxy.port(), "\"*\"", ""));
    let mark = cluster.log_mark();
    let first = home.spawn(&["cron"]);
    log_holds(&cluster, mark, "authorized: user=mon");
    let before = proxy.connections();
    let second = home.cron();
    assert_eq!((second.code, second.stdout.as_str(), second.stderr.as_str()), (Some(75), "", ""));
    assert!(second.took < SOON, "{:?}", second.took);
    assert_eq!(proxy.connections(), before);
    assert!(!home.state_dir().join("ledger.json").exists());
    assert!(fs::read_dir(home.target_dir()).unwrap().next().is_none());
    proxy.set(Mode::Forward);
    assert_code(&home, &first.wait(LONG), 0);
    assert_eq!(home.batches().len(), 1);
}

/// A backend that does not answer costs the watched server nothing.
#[test]
fn no_connection_stays_open_while_the_batch_is_delivered() {
    let cluster = watched(18, &[]);
    let target = Stub::start(|_| Answer::Stall);
    let home = Home::new().env("BACKEND_URL", &target.url()).env("BACKEND_TOKEN", "t");
    configure(&home, "run_timeout = 20", &postgres(cluster.port(), "\"*\"", ""));
    let mark = cluster.log_mark();
    let run = home.spawn(&["cron"]);
    target.wait_for(1, LONG);
    assert!(cluster.log_since(mark).contains("authorized: user=mon"));
    nothing_left(&cluster, Duration::from_secs(2));
    assert_eq!(target.log().len(), 1, "still delivering: {:?}", target.log());
    drop(run);
}
