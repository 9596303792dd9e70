use std::fs;

use super::scene::{
    Items, assert_code, home, later, ledger, log_holds, most_titled, postgres, titled, watched,
};
use crate::support::cluster::Cluster;
use crate::support::poll::{LONG, SOON, eventually};

/// A lock of five minutes on pg_authid, a run each minute: trust and SCRAM wait for it alike, inside authentication.
fn locked_for_five_minutes(major: u32, method: &str) {
    let cluster =
        watched(major, &[("authentication_timeout", "8s"), ("password_encryption", "scram-sha-256")]);
    cluster.sql("postgres", "alter role mon password 'secret'");
    let hba = format!("host all postgres all trust\nhost all mon all {method}\n");
    fs::write(cluster.data_dir().join("pg_hba.conf"), hba).unwrap();
    cluster.sql("postgres", "select pg_reload_conf()");
    log_holds(&cluster, 0, "reloading configuration files");
    let more = "password = \"secret\"\nconnect_timeout = 1\nstatement_timeout_ms = 1000";
    let home = home("", &postgres(cluster.port(), "\"*\"", more));
    let run = home.cron();
    assert_code(&home, &run, 0);
    gone(&cluster);

    let mark = cluster.log_mark();
    let mut holder = cluster.conn("postgres");
    holder.batch_execute("begin; lock table pg_authid in access exclusive mode").unwrap();
    let (most, ()) = most_titled(&cluster, "mon", || {
        for minute in 0..5 {
            let run = home.cron();
            assert_code(&home, &run, 3);
            assert!(run.took < SOON, "minute {minute}: {:?}", run.took);
            let items = Items::last(&home);
            items.assert_host();
            let part =
                &items.of("pg_stats", &format!("127.0.0.1:{}", cluster.port()), None)["parts"]["tables"];
            assert_eq!((&part["outcome"], &part["reason"]), (&"skipped".into(), &"server_refused".into()));
            let detail = part["detail"].as_str().unwrap();
            let expected = if minute == 0 { "never answers" } else { "left alone for" };
            assert!(detail.contains(expected), "minute {minute}: {detail}");
            if minute == 0 {
                assert_eq!(
                    titled(&cluster, "mon").len(),
                    1,
                    "the handshake hangs on after its client has gone"
                );
            }
            later(&home, 60);
        }
    });
    assert_eq!(most, 1, "never more than one backend of ours");
    log_holds(&cluster, mark, "canceling authentication due to timeout");
    gone(&cluster);
    assert!(!home.log().contains("panicked"), "{}", home.log());
    drop(holder);
    let run = home.cron();
    assert_code(&home, &run, 0);
    assert!(ledger(&home).servers.values().all(|s| s.until.is_none() && s.stalls == 0));
}

/// A backend whose client has left takes its time to end.
fn gone(cluster: &Cluster) {
    eventually(LONG, || match titled(cluster, "mon") {
        left if left.is_empty() => Ok(()),
        left => Err(left),
    });
}

#[test]
fn a_lock_on_pg_authid_holds_one_backend_of_ours_with_trust() {
    locked_for_five_minutes(13, "trust");
    locked_for_five_minutes(18, "trust");
}

#[test]
fn a_lock_on_pg_authid_holds_one_backend_of_ours_with_scram() {
    locked_for_five_minutes(13, "scram-sha-256");
    locked_for_five_minutes(18, "scram-sha-256");
}
