//! A backend with a database of its own, and a collector that registered there.

use std::fs;

use pganalytics::batch::inflate;
use pganalytics::collect::registry;
use serde_json::Value;

use crate::push::desk;
use crate::support::api::{Api, REGISTRATION_SECRET};
use crate::support::cluster::Cluster;
use crate::support::home::{Home, Run};

pub(super) struct Scene {
    /// In the store.
    pub(super) database: String,
    pub(super) api: Api,
    pub(super) home: Home,
    pub(super) id: String,
    /// What the collector watches and collects, in TOML.
    watched: String,
}

impl Scene {
    pub(super) fn start(store: &Cluster, watched: &str) -> Scene {
        let database = store.fresh_database("store");
        // What must not be in a log is not there at the deepest level either.
        let api = Api::start(store, &database, &[("LOG_LEVEL", "trace")]);
        let home = Home::new().env("REGISTRATION_SECRET", REGISTRATION_SECRET);
        let mut scene = Scene { database, api, home, id: String::new(), watched: watched.to_owned() };
        scene.push_to(&scene.api.url());
        scene.run(&["register"], 0);
        scene.id = kept(&scene.home, "collector.id");
        scene
    }

    /// Where batches go from here on.
    pub(super) fn push_to(&self, url: &str) {
        configure(&self.home, "orders", url, &self.watched);
    }

    #[track_caller]
    pub(super) fn cron(&self, code: i32) -> Run {
        self.run(&["cron"], code)
    }

    #[track_caller]
    pub(super) fn run(&self, args: &[&str], code: i32) -> Run {
        let run = self.home.run(args);
        assert_eq!(run.code, Some(code), "{args:?}: {}{}{}", run.stdout, run.stderr, self.home.log());
        run
    }

    pub(super) fn token(&self) -> String {
        kept(&self.home, "collector.token")
    }

    /// What waits in the spool, oldest first: to the byte what will be sent.
    pub(super) fn sealed(&self) -> Vec<Value> {
        let read = |path: &std::path::PathBuf| inflate(&fs::read(path).unwrap()).unwrap();
        self.home.spool_files().iter().map(|path| serde_json::from_slice(&read(path)).unwrap()).collect()
    }

    /// What the backend, or our own breaker, wanted us to wait for is over.
    pub(super) fn time_passes(&self) {
        desk::change_ledger(&self.home, |ledger| {
            ledger.breaker.open_until = ledger.breaker.open_until.map(|until| until - 4000);
        });
    }
}

/// What registering left in this file of the state directory.
pub(super) fn kept(home: &Home, file: &str) -> String {
    fs::read_to_string(home.state_dir().join(file)).unwrap().trim().to_owned()
}

pub(super) fn configure(home: &Home, name: &str, url: &str, watched: &str) {
    home.config(&format!(
        "[collector]\nname = \"{name}\"\nstate_dir = \"{{state}}\"\nserver_budget_ms = 60000\n\
         [backend]\nurl = \"{url}\"\n[logging]\nfile_path = \"{{log}}\"\nlevel = \"trace\"\n{watched}"
    ));
}

/// Statements, tables, the collector's own figures: what makes a batch, and no run long.
pub(super) fn cheap(server: &Cluster, databases: &[&str]) -> String {
    let on = ["pg_stats", "pg_query_stats", "pg_replication", "agent"];
    let others = registry::ALL.iter().filter(|c| !on.contains(&c.name) && c.name != "custom");
    let others: String = others.map(|c| format!("[{}]\nenabled = false\n", c.name)).collect();
    format!(
        "[postgres]\nname = \"main\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\nsslmode = \"disable\"\n\
         databases = {databases:?}\n{others}",
        server.port()
    )
}
