use rustix::process::Signal;
use serde_json::Value;

use super::same::{Field, agrees, ask, compare, rows_agree, steady};
use super::scene::{ALONE, PASSWORD, Scene, told};
use crate::cycle::item::watching;
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::poll::{LONG, eventually};
use crate::support::postmaster;

const STATUS: &[Field] = &[
    (13, "server_pid", "pid"),
    (13, "usename", "usename"),
    (13, "application_name", "application_name"),
    (13, "client_addr", "host(client_addr)"),
    (13, "client_port", "client_port"),
    (13, "backend_start", "backend_start"),
    (13, "backend_xmin_age", "age(backend_xmin)"),
    (13, "slot_name", "(select s.slot_name from pg_replication_slots s where s.active_pid = r.pid)"),
    (13, "state", "state"),
    (13, "sync_state", "sync_state"),
    (13, "sync_priority", "sync_priority"),
    (13, "sent_lsn", "sent_lsn"),
    (13, "write_lsn", "write_lsn"),
    (13, "flush_lsn", "flush_lsn"),
    (13, "replay_lsn", "replay_lsn"),
    (13, "sent_behind_bytes", "pg_wal_lsn_diff(here, sent_lsn)"),
    (13, "write_behind_bytes", "pg_wal_lsn_diff(here, write_lsn)"),
    (13, "flush_behind_bytes", "pg_wal_lsn_diff(here, flush_lsn)"),
    (13, "replay_behind_bytes", "pg_wal_lsn_diff(here, replay_lsn)"),
    (13, "behind_by_mb", "pg_wal_lsn_diff(here, replay_lsn) / 1048576"),
];

/// What moves with each reply of a standby, every few seconds.
const LIVE: &[Field] = &[
    (13, "server_pid", "pid"),
    (13, "write_lag_ms", "extract(epoch from write_lag) * 1000"),
    (13, "flush_lag_ms", "extract(epoch from flush_lag) * 1000"),
    (13, "replay_lag_ms", "extract(epoch from replay_lag) * 1000"),
    (13, "reply_time", "reply_time"),
];

const ON_PRIMARY: &str = "from pg_stat_replication r, pg_current_wal_lsn() here";
const ON_STANDBY: &str = "from pg_stat_replication r, pg_last_wal_receive_lsn() here";

const RECEIVER: &[Field] = &[
    (13, "pid", "pid"),
    (13, "status", "status"),
    (13, "slot_name", "slot_name"),
    (13, "sender_host", "sender_host"),
    (13, "sender_port", "sender_port"),
    (13, "receive_start_lsn", "receive_start_lsn"),
    (13, "receive_start_tli", "receive_start_tli"),
    (13, "written_lsn", "written_lsn"),
    (13, "flushed_lsn", "flushed_lsn"),
    (13, "received_tli", "received_tli"),
    (13, "latest_end_lsn", "latest_end_lsn"),
    (13, "latest_end_time", "latest_end_time"),
    (13, "last_msg_send_time", "last_msg_send_time"),
    (13, "last_msg_receipt_time", "last_msg_receipt_time"),
    (13, "receive_behind_bytes", "pg_wal_lsn_diff(latest_end_lsn, pg_last_wal_receive_lsn())"),
    (13, "receive_lsn", "pg_last_wal_receive_lsn()"),
    (13, "replay_lsn", "pg_last_wal_replay_lsn()"),
    (13, "replay_behind_bytes", "pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"),
    (13, "last_replayed_commit_at", "pg_last_xact_replay_timestamp()"),
    (13, "replay_paused", "pg_is_wal_replay_paused()"),
    (14, "replay_pause_state", "pg_get_wal_replay_pause_state()"),
    (15, "prefetch_blocks", "(select prefetch from pg_stat_recovery_prefetch)"),
    (15, "prefetch_hits", "(select hit from pg_stat_recovery_prefetch)"),
    (15, "prefetch_skipped_init", "(select skip_init from pg_stat_recovery_prefetch)"),
    (15, "prefetch_skipped_new", "(select skip_new from pg_stat_recovery_prefetch)"),
    (15, "prefetch_skipped_fpw", "(select skip_fpw from pg_stat_recovery_prefetch)"),
    (15, "prefetch_skipped_repeated", "(select skip_rep from pg_stat_recovery_prefetch)"),
    (15, "prefetch_stats_reset", "(select stats_reset from pg_stat_recovery_prefetch)"),
];

fn status(server: &Cluster, from: &str, run: impl Fn() -> Value) -> (Value, Vec<Value>) {
    let (item, rows) = steady(|| ask(server, "postgres", STATUS, from), &run);
    rows_agree(&item["replication_status"], &rows, "server_pid");
    eventually(LONG, || {
        let before = ask(server, "postgres", LIVE, from);
        let told = &run()["replication_status"];
        let agreed = compare(told, &before, "server_pid");
        agreed.or_else(|_| compare(told, &ask(server, "postgres", LIVE, from), "server_pid"))
    });
    (item, rows)
}

fn of<'a>(rows: &'a [Value], name: &str) -> &'a Value {
    rows.iter().find(|r| r["application_name"] == name).unwrap_or_else(|| panic!("no {name} in {rows:#?}"))
}

pub(super) fn are_told_by_the_primary(scene: &Scene) {
    let (item, rows) = status(&scene.primary, ON_PRIMARY, || scene.run());
    assert_eq!(rows.len(), 3, "two standbys and a subscription: {rows:#?}");
    let paused = of(&rows, "paused");
    assert!(paused["behind_by_mb"].as_f64() > Some(1.0), "{paused:#}");
    assert_eq!((&paused["flush_behind_bytes"], &paused["slot_name"]), (&0.into(), &"paused_slot".into()));
    let lag = of(item["replication_status"].as_array().unwrap(), "paused")["replay_lag_ms"].as_f64();
    assert!(lag > Some(0.0), "{item:#}");
    assert!(of(&rows, "near")["behind_by_mb"].as_f64() < Some(0.1), "{rows:#?}");
    assert_eq!(of(&rows, "s")["slot_name"], "sub_slot");
    assert_eq!(item["parts"]["wal_receiver"]["reason"], "not_applicable");
    assert!(item["wal_receiver"].is_null());
}

pub(super) fn are_told_by_a_standby(scene: &Scene) {
    let home = watching(&scene.near, "postgres", ALONE);
    let (item, rows) = status(&scene.near, ON_STANDBY, || told(&home));
    assert_eq!((rows.len(), &rows[0]["application_name"]), (1, &"far".into()), "{rows:#?}");
    assert!(rows[0]["behind_by_mb"].as_f64() < Some(0.1), "{rows:#?}");
    let slot = &item["replication_slots"][0];
    assert_eq!((&slot["slot_name"], &slot["bytes_retained"]), (&"far_slot".into(), &0.into()), "{slot:#}");
    let receiver = &item["wal_receiver"];
    assert_eq!((&receiver["replay_paused"], &receiver["replay_behind_bytes"]), (&false.into(), &0.into()));
    assert_eq!(receiver["replay_lag_ms"], 0.0, "all that was received is replayed");
}

/// Gives back the item of the standby whose replay is paused.
pub(super) fn tell_what_they_receive(scene: &Scene) -> Value {
    let home = watching(&scene.paused, "postgres", ALONE);
    let from = "from pg_stat_wal_receiver";
    let (item, rows) = steady(|| ask(&scene.paused, "postgres", RECEIVER, from), || told(&home));
    let receiver = &item["wal_receiver"];
    agrees(receiver, &rows[0]);
    assert_eq!((&receiver["status"], &receiver["replay_paused"]), (&"streaming".into(), &true.into()));
    assert!(receiver["replay_behind_bytes"].as_i64() > Some(1 << 20), "{receiver:#}");
    ages(&scene.paused, &home);
    without_a_receiver(&scene.paused, &home);
    keeps_the_password(&home);
    item
}

/// They grow, and lie between what they are before and after.
fn ages(server: &Cluster, home: &Home) {
    let age = |of: &str| {
        format!(
            "select (extract(epoch from clock_timestamp() - {of}) * 1000)::float8 from pg_stat_wal_receiver"
        )
    };
    let look = |of: &str| server.one::<f64>("postgres", &age(of));
    let before = look("pg_last_xact_replay_timestamp()");
    let item = told(home);
    let after = look("pg_last_xact_replay_timestamp()");
    let lag = item["wal_receiver"]["replay_lag_ms"].as_f64().unwrap();
    assert!((before..=after).contains(&lag), "{before} {lag} {after}");
    let age = item["wal_receiver"]["last_msg_age_ms"].as_f64().unwrap();
    assert!((0.0..60_000.0).contains(&age), "{age}");
}

/// What was replayed is told nevertheless, and that nobody receives. While replay is paused no other receiver is started.
fn without_a_receiver(server: &Cluster, home: &Home) {
    let receivers = "select coalesce(max(pid), 0) from pg_stat_wal_receiver";
    postmaster::signal(server.one("postgres", receivers), Signal::TERM);
    eventually(LONG, || match server.one::<i32>("postgres", receivers) {
        0 => Ok(()),
        pid => Err(pid),
    });
    let item = told(home);
    let receiver = &item["wal_receiver"];
    assert!(receiver["pid"].is_null() && receiver["status"].is_null(), "{receiver:#}");
    let replayed: String = server.one("postgres", "select pg_last_wal_replay_lsn()::text");
    assert_eq!(receiver["replay_lsn"], replayed);
    assert!(receiver["replay_lag_ms"].as_f64() > Some(0.0));
}

/// Nor does any other collector's item hold it.
pub(super) fn keeps_the_password(home: &Home) {
    for batch in home.batches() {
        assert!(!batch.to_string().contains(PASSWORD), "a password has left");
        let items = batch["metrics"].as_array().unwrap().iter().filter(|i| i["type"] == "pg_replication");
        items.for_each(|item| assert!(!item.to_string().contains("conninfo"), "{item:#}"));
    }
}
