use serde_json::Value;

use crate::cycle::item::{cycle, item, watching};
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::poll::{LONG, eventually};

/// In connection strings only: it must not be found anywhere else.
pub(super) const PASSWORD: &str = "sekret-of-the-wire";

pub(super) struct Scene {
    pub(super) major: u32,
    pub(super) primary: Cluster,
    /// Follows the primary.
    pub(super) near: Cluster,
    /// Follows the primary, replay paused.
    pub(super) paused: Cluster,
    /// Follows `near`.
    pub(super) far: Cluster,
    pub(super) home: Home,
}

/// Nothing else is collected.
pub(super) const ALONE: &str = "[pg_stats]\nenabled = false\n[pg_query_stats]\nenabled = false\n\
    [sysstat]\nenabled = false\n[disk_usage]\nenabled = false\n";

const SETTINGS: &[(&str, &str)] = &[
    ("autovacuum", "off"),
    ("checkpoint_timeout", "1h"),
    ("max_wal_senders", "12"),
    ("max_replication_slots", "12"),
    ("wal_init_zero", "off"),
    ("wal_receiver_status_interval", "2"),
    ("max_prepared_transactions", "2"),
    ("autovacuum_freeze_max_age", "200000"),
    ("autovacuum_multixact_freeze_max_age", "20000"),
];

impl Scene {
    pub(super) fn start(major: u32) -> Scene {
        let primary = Cluster::start(major, SETTINGS);
        lose_a_slot(&primary);
        for slot in ["near_slot", "paused_slot"] {
            primary.sql("postgres", &format!("select pg_create_physical_replication_slot('{slot}', true)"));
        }
        let near = follower(&primary, &primary, "near");
        near.sql("postgres", "select pg_create_physical_replication_slot('far_slot', true)");
        let far = follower(&primary, &near, "far");
        let paused = follower(&primary, &primary, "paused");
        let home = watching(&primary, "*", ALONE);
        let scene = Scene { major, primary, near, paused, far, home };
        scene.subscribe();
        scene.fall_behind();
        scene
    }

    /// A subscription to another database of the same server, and slots that nobody uses.
    fn subscribe(&self) {
        let (server, port) = (&self.primary, self.primary.port());
        server.sql("postgres", "create database pub");
        server.sql("postgres", "create database sub");
        server.sql("pub", "create table t (id int primary key, v text); create publication p for table t");
        server.sql("pub", "create publication everything for all tables with (publish = 'insert, delete')");
        server.sql("pub", "select pg_create_logical_replication_slot('sub_slot', 'pgoutput')");
        let connection = format!("host=127.0.0.1 port={port} user=postgres password={PASSWORD} dbname=pub");
        server.sql("sub", "create table t (id int primary key, v text)");
        let subscribe = format!(
            "create subscription s connection '{connection}' publication p with (create_slot = false, slot_name = 'sub_slot')"
        );
        server.sql("sub", &subscribe);
        server.sql("pub", "insert into t select n, 'row' from generate_series(1, 100) n");
        eventually(LONG, || match server.one::<i64>("sub", "select count(*) from t") {
            100 => Ok(()),
            rows => Err((rows, server.log_text())),
        });
    }

    /// Two slots stay behind, and with little room for them at last each is in another state; then what one standby
    /// does not replay.
    fn fall_behind(&self) {
        let server = &self.primary;
        for (slot, segments) in [("unreserved", 4), ("extended", 4)] {
            // A new slot begins where the last checkpoint did.
            server.sql("postgres", "checkpoint");
            server.sql("postgres", &format!("select pg_create_physical_replication_slot('{slot}', true)"));
            switch(server, segments);
        }
        self.settle();
        self.paused.sql("postgres", "select pg_wal_replay_pause()");
        server.sql("pub", "insert into t select n, repeat('late', 300) from generate_series(1000, 3000) n");
        self.settle();
        let tight = [("max_wal_size", "32MB"), ("max_slot_wal_keep_size", "80MB")];
        tight.iter().for_each(|(name, value)| set(server, name, value));
    }

    /// Until all that the primary wrote is where it goes, and replayed where replay goes on.
    pub(super) fn settle(&self) {
        let server = &self.primary;
        let open = "select string_agg(coalesce(application_name, '') || ' ' || coalesce(flush_lsn::text, '') || ' ' || \
            coalesce(replay_lsn::text, ''), ', ') from pg_stat_replication where coalesce(flush_lsn, '0/0') < $1::text::pg_lsn \
            or application_name <> 'paused' and coalesce(replay_lsn, '0/0') < $1::text::pg_lsn";
        let at: String = server.one("postgres", "select pg_current_wal_lsn()::text");
        for cluster in [server, &self.near] {
            let mut conn = cluster.conn("postgres");
            eventually(LONG, || match conn.query_one(open, &[&at]).unwrap().get::<_, Option<String>>(0) {
                None => Ok(()),
                Some(behind) => Err((at.clone(), behind)),
            });
        }
    }

    /// A run on the primary with everything due, and its item.
    pub(super) fn run(&self) -> Value {
        told(&self.home)
    }
}

/// A run with everything due.
pub(super) fn told(home: &Home) -> Value {
    item(&cycle(home, &["cron", "--force"]), "pg_replication", None).clone()
}

fn follower(primary: &Cluster, upstream: &Cluster, name: &str) -> Cluster {
    let conninfo = format!(
        "host=127.0.0.1 port={} user=postgres password={PASSWORD} application_name={name}",
        upstream.port()
    );
    let slot = format!("{name}_slot");
    Cluster::standby(primary, &[("primary_conninfo", &conninfo), ("primary_slot_name", &slot)])
}

/// A slot whose WAL is gone.
fn lose_a_slot(server: &Cluster) {
    server.sql("postgres", "select pg_create_physical_replication_slot('lost', true)");
    switch(server, 3);
    set(server, "max_slot_wal_keep_size", "16MB");
    server.sql("postgres", "checkpoint");
    let status: String = server.one("postgres", "select wal_status from pg_replication_slots");
    assert_eq!(status, "lost");
    set(server, "max_slot_wal_keep_size", "-1");
}

/// On to later segments.
fn switch(server: &Cluster, segments: u32) {
    for _ in 0..segments {
        server.sql("postgres", "create temp table x (a int)");
        server.sql("postgres", "select pg_switch_wal()");
    }
}

pub(super) fn set(server: &Cluster, name: &str, value: &str) {
    server.sql("postgres", &format!("alter system set {name} = '{value}'"));
    server.sql("postgres", "select pg_reload_conf()");
    let shown = format!(
        "select setting = reset_val and current_setting(name) = '{value}' from pg_settings where name = '{name}'"
    );
    eventually(LONG, || match server.one::<bool>("postgres", &shown) {
        true => Ok(()),
        false => Err(server.one::<String>("postgres", &format!("show {name}"))),
    });
}
