//! A collector, the backend that it pushes to, and what a test wants to know of the two.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use pganalytics::spool::{Entry, Spool};
use pganalytics::state::StateDir;
use pganalytics::state::ledger::{self, Ledger};
use serde_json::Value;

use crate::support::cluster::shared;
use crate::support::home::{Home, Run};
use crate::support::stub::{Answer, Request, Seen, Stub};

pub(crate) const PUSH: &str = "/api/v1/metrics/push";
pub(super) const HEALTH: &str = "/api/v1/health";
pub(super) const REFRESH: &str = "/api/v1/collectors/refresh-token";
pub(super) const TOKEN: &str = "first-token-3141592653";

/// Seconds that a run may take; short, as stalls last so long.
pub(super) const RUN_S: u64 = 5;

pub(super) fn home_for(url: &str) -> Home {
    home_with(url, "")
}

/// `more` is TOML that may begin with further keys of `[backend]`.
pub(super) fn home_with(url: &str, more: &str) -> Home {
    let home = Home::new();
    configure(&home, url, "", more);
    store_token(&home, TOKEN);
    home
}

pub(crate) fn configure(home: &Home, url: &str, collector: &str, more: &str) {
    let port = shared(15).port();
    home.config(&format!(
        "[collector]\nid = \"c-1\"\nstate_dir = \"{{state}}\"\nrun_timeout = {RUN_S}\n{collector}\n\
         [postgres]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"postgres\"\ndatabase = \"postgres\"\nsslmode = \"disable\"\n\
         [logging]\nfile_path = \"{{log}}\"\n[backend]\nurl = \"{url}\"\n{more}\n"
    ));
}

pub(crate) fn store_token(home: &Home, token: &str) {
    fs::write(token_path(home), format!("{token}\n")).unwrap();
}

pub(super) fn token_path(home: &Home) -> PathBuf {
    home.state_dir().join("collector.token")
}

/// A backend whose answer to a push, to a look at its health and to a refresh can be changed at any time.
pub(super) struct Backend {
    pub(super) stub: Stub,
    push: Arc<Mutex<Answer>>,
    health: Arc<Mutex<Answer>>,
}

impl Backend {
    pub(super) fn start(push: Answer) -> Backend {
        let push = Arc::new(Mutex::new(push));
        let health = Arc::new(Mutex::new(Answer::reply(200, r#"{"status":"healthy"}"#)));
        let (to_push, to_health) = (push.clone(), health.clone());
        let stub = Stub::start(move |request| match request.path.as_str() {
            PUSH => to_push.lock().unwrap().clone(),
            HEALTH => to_health.lock().unwrap().clone(),
            _ => Answer::reply(404, ""),
        });
        Backend { stub, push, health }
    }

    pub(super) fn answers(&self, push: Answer) {
        *self.push.lock().unwrap() = push;
    }

    pub(super) fn health(&self, answer: Answer) {
        *self.health.lock().unwrap() = answer;
    }

    /// How many requests it has had so far.
    pub(super) fn count(&self) -> usize {
        self.stub.requests().len()
    }

    /// One line for each request from that one on.
    pub(super) fn log_since(&self, count: usize) -> Vec<String> {
        self.stub.log().split_off(count)
    }

    /// What it acknowledged, in order.
    pub(super) fn accepted(&self) -> Vec<Arrived> {
        accepted(&self.stub)
    }
}

pub(crate) fn accepted(stub: &Stub) -> Vec<Arrived> {
    stub.requests().into_iter().filter(|s| s.answer == "accept").filter_map(arrived).collect()
}

/// A batch as a backend got it.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(super) id: String,
    pub(super) sequence: u64,
    pub(crate) body: Value,
}

impl Arrived {
    pub(super) fn items(&self) -> Vec<Value> {
        self.body["metrics"].as_array().unwrap().clone()
    }

    /// The collector's own item.
    pub(super) fn agent(&self) -> Value {
        self.items().into_iter().find(|item| item["type"] == "agent").unwrap()
    }
}

pub(super) fn arrived(seen: Seen) -> Option<Arrived> {
    let body = seen.request.json?;
    Some(Arrived { id: body["batch_id"].as_str()?.to_owned(), sequence: body["sequence"].as_u64()?, body })
}

/// Decides by the batch that came.
pub(super) fn by_batch(decide: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Answer {
    Answer::with_body(decide)
}

pub(super) fn entries(home: &Home) -> Vec<Entry> {
    Spool::open(&state(home)).entries().unwrap()
}

pub(super) fn rejects(home: &Home) -> Vec<Entry> {
    Spool::rejected(&state(home)).entries().unwrap()
}

pub(super) fn state(home: &Home) -> StateDir {
    StateDir::open(&home.state_dir()).unwrap()
}

pub(super) fn read_ledger(home: &Home) -> Ledger {
    let (ledger, aside) = ledger::read(&ledger_path(home), 0).unwrap();
    assert_eq!(aside, None);
    ledger
}

/// Changes what the last run left, such as the instants in it: time passes in tests by setting them back.
pub(crate) fn change_ledger(home: &Home, change: impl FnOnce(&mut Ledger)) {
    let mut ledger = read_ledger(home);
    change(&mut ledger);
    ledger.write(&ledger_path(home)).unwrap();
}

/// The wait that the breaker imposes is over.
pub(super) fn wait_is_over(home: &Home) {
    change_ledger(home, |ledger| {
        let until = ledger.breaker.open_until.as_mut().expect("there is a wait");
        *until -= 4000;
    });
}

fn ledger_path(home: &Home) -> PathBuf {
    home.state_dir().join("ledger.json")
}

pub(super) fn lines<'a>(log: &'a str, needle: &str) -> Vec<&'a str> {
    log.lines().filter(|line| line.contains(needle)).collect()
}

/// Nothing of it in anything that the program wrote for people.
#[track_caller]
pub(super) fn assert_secret(home: &Home, run: &Run, secret: &str) {
    let written = [home.log(), run.stdout.clone(), run.stderr.clone(), text(&ledger_path(home))];
    for text in written.iter().chain([&text(&home.log_path().with_file_name("status.json"))]) {
        assert!(!text.contains(secret), "{text}");
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Sequences rise, and no two batches share an id.
#[track_caller]
pub(super) fn assert_in_order(arrived: &[Arrived]) {
    let sequences: Vec<u64> = arrived.iter().map(|a| a.sequence).collect();
    assert!(sequences.windows(2).all(|pair| pair[0] < pair[1]), "{sequences:?}");
    let ids: BTreeSet<&str> = arrived.iter().map(|a| a.id.as_str()).collect();
    assert_eq!(ids.len(), arrived.len(), "{ids:?}");
}
