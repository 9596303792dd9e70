//! What an admin stores for a collector, on its whole way: through the API, by the collector's own asking, into its next run.
//! What is not for a backend to say is refused where it is stored, and again by the collector, whoever wrote it.

use std::fs;

use serde_json::Value;

use super::for_each_major;
use super::scene::{self, Scene};
use crate::push::desk;
use crate::support::cluster::{Cluster, shared};
use crate::support::majors;

/// What a collector's `config_pull_interval` is unless it is told.
const PULL_S: i64 = 300;
const PASSWORD: &str = "correct horse battery";

/// What only the host itself may say, and what is said of it.
const HOSTILE: &[(&str, &str)] = &[
    ("[postgres]\nhost = \"elsewhere.example\"\n", "[postgres] host is not for a backend to change"),
    ("[postgres]\nuser = \"superuser\"\n", "[postgres] user is not for a backend to change"),
    ("[postgres]\npassword = \"stolen\"\n", "[postgres] password is not for a backend to change"),
    ("[postgres]\ndsn = \"host=elsewhere\"\n", "[postgres] dsn is not for a backend to change"),
    ("[[servers]]\nhost = \"elsewhere.example\"\n", "[[servers]] is not for a backend to change"),
    ("[backend]\nurl = \"https://elsewhere.example\"\n", "[backend] url is not for a backend to change"),
    ("[backend]\ntoken = \"x\"\n", "[backend] token is not for a backend to change"),
    ("[backend]\nproxy = \"http://elsewhere:1\"\n", "[backend] proxy is not for a backend to change"),
    ("[tls]\nverify = false\n", "[tls] verify is not for a backend to change"),
    ("[collector]\nid = \"another\"\n", "[collector] id is not for a backend to change"),
    ("[collector]\nstate_dir = \"/etc\"\n", "[collector] state_dir is not for a backend to change"),
    ("[logging]\nfile_path = \"/etc/passwd\"\n", "[logging] file_path is not for a backend to change"),
    ("[prometheus]\ntextfile = \"/etc/passwd\"\n", "[prometheus] textfile is not for a backend to change"),
    ("[privacy]\nquery_text = \"normalized\"\n", "[privacy] query_text is not for a backend to change"),
    ("[[custom]]\nname = \"x\"\nsql = \"drop table t\"\n", "[[custom]] is not for a backend to change"),
    // One good line does not help a bad one.
    (
        "[pg_stats]\nenabled = false\n[backend]\nurl = \"http://elsewhere\"\n",
        "[backend] url is not for a backend",
    ),
];

const BROKEN: &[(&str, &str)] = &[
    ("[collector\ninterval = 60\n", "remote.toml:1:"),
    ("<html>a proxy's own page</html>\n", "remote.toml:1:"),
    ("[collector]\ninterval = 0\n", "must be a whole number from 1"),
    ("[collector]\nintervall = 60\n", "unknown key"),
];

struct Told {
    scene: Scene,
    store: &'static Cluster,
    admin: String,
}

impl Told {
    fn start(major: u32) -> Told {
        let store = shared(major);
        let watched = store.fresh_database("watched");
        store.sql(&watched, "create extension pg_stat_statements");
        let scene = Scene::start(store, &scene::cheap(store, &[&watched]));
        let file = scene.api.dir().join("password");
        fs::write(&file, PASSWORD).unwrap();
        let make = ["admin", "create-user", "root", "--password-file", file.to_str().unwrap()];
        assert!(scene.api.command(&make).output().unwrap().status.success());
        let body = format!("{{\"username\":\"root\",\"password\":\"{PASSWORD}\"}}");
        let session = scene.api.ask("POST", "/api/v1/auth/login", None, body.as_bytes()).json();
        let admin = session["token"].as_str().unwrap().to_owned();
        Told { scene, store, admin }
    }

    fn put(&self, text: &str) -> crate::support::api::Answer {
        let path = format!("/api/v1/config/{}", self.scene.id);
        self.scene.api.ask("PUT", &path, Some(&self.admin), text.as_bytes())
    }

    /// What no admin can do: past the API, as a stolen database or a defect of the backend might.
    fn plant(&self, text: &str) {
        let id = &self.scene.id;
        let version: i64 = self.store.one(
            &self.scene.database,
            &format!("update collectors set config_version = coalesce(config_version, 0) + 1 where id = '{id}' returning config_version"),
        );
        let sql = "insert into configs (collector_id, version, body, etag, created_by) \
                   values ($1::text::uuid, $2, $3, format('\"planted-%s\"', $2::int8), 'nobody')";
        self.store.conn(&self.scene.database).execute(sql, &[id, &version, &text]).unwrap();
    }

    /// As if so many seconds had passed since the last run.
    fn later(&self, seconds: i64) {
        desk::change_ledger(&self.scene.home, |ledger| {
            ledger.pulled.at = ledger.pulled.at.map(|at| at - seconds);
            ledger.parts.values_mut().for_each(|part| part.last -= seconds);
        });
    }

    /// A run that ends well: what it logged, and how the backend answered its questions for configuration.
    #[track_caller]
    fn run(&self) -> (String, Vec<u64>) {
        let (said, asked) = (self.scene.home.log().len(), self.answers().len());
        self.scene.cron(0);
        (self.scene.home.log().split_off(said), self.answers().split_off(asked))
    }

    /// By the backend's own log.
    fn answers(&self) -> Vec<u64> {
        let lines = self.scene.api.log();
        let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let of_it = |line: &Value| line["method"] == "GET" && line["path"] == "/api/v1/config/{collector_id}";
        lines.filter(of_it).filter_map(|line| line["status"].as_u64()).collect()
    }

    /// Types of the newest batch's items.
    fn arrived(&self) -> Vec<String> {
        let types = "select array_agg(distinct type order by type) from metrics where id / 65536 = (select max(num) from batches)";
        self.store.one(&self.scene.database, types)
    }

    fn kept(&self) -> String {
        fs::read_to_string(self.scene.home.state_dir().join("remote.toml")).unwrap_or_default()
    }
}

#[test]
fn a_change_is_obeyed_when_its_time_has_come_and_not_before() {
    for_each_major(|major| {
        let told = Told::start(major);
        assert_eq!(told.run().1, [404], "{major}: a new collector asks at once, and there is nothing");
        let change = "[pg_replication]\nenabled = false\n[postgresql]\nquery_stats_limit = 37\n\
                      [collector]\nconfig_pull_interval = 900\n";
        assert_eq!(told.put(change).status, 200);
        for _ in 0..2 {
            told.later(PULL_S / 2 - 20);
            let (log, asked) = told.run();
            assert!(asked.is_empty() && log.contains("limit=100"), "{major}: not due yet: {asked:?} {log}");
            assert!(told.arrived().contains(&"pg_replication".to_owned()), "{major}");
        }
        told.later(40);
        let (log, asked) = told.run();
        assert_eq!(asked, [200], "{major}: within the interval");
        assert!(log.contains("Configuration version 1 pulled"), "{log}");
        let (log, asked) = told.run();
        assert!(asked.is_empty() && log.contains("limit=37"), "{major}: from the next run on: {log}");
        assert!(!told.arrived().contains(&"pg_replication".to_owned()), "{major}: {:?}", told.arrived());
        assert!(told.arrived().contains(&"pg_stats".to_owned()), "{major}");

        // The interval that it was told is its own now; while nothing changes it learns so by its tag.
        let file = told.scene.home.state_dir().join("remote.toml");
        let written = fs::metadata(&file).unwrap().modified().unwrap();
        for (passed, expected) in [(PULL_S, &[][..]), (500, &[]), (100, &[304]), (900, &[304])] {
            told.later(passed);
            assert_eq!(told.run().1, expected, "{major}: {passed} more seconds");
        }
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), written, "{major}: it stays as it is");

        // A part's own interval: it waits for its turn, has it, and waits again.
        assert_eq!(told.put("[pg_stats]\ninterval = 3600\n").status, 200);
        told.later(900);
        assert_eq!(told.run().1, [200], "{major}");
        for (passed, due) in [(0, false), (3600, true), (60, false), (3600, true)] {
            told.later(passed);
            told.run();
            let arrived = told.arrived();
            assert_eq!(arrived.contains(&"pg_stats".to_owned()), due, "{major}: {arrived:?}");
            assert!(
                arrived.contains(&"pg_replication".to_owned()),
                "{major}: what is not told is as in the file"
            );
        }
    });
}

#[test]
fn what_is_not_for_a_backend_to_say_is_refused_on_both_sides() {
    const GOOD: &str = "[postgresql]\nquery_stats_limit = 37\n";
    let told = Told::start(*majors().last().unwrap());
    assert_eq!(told.put(GOOD).status, 200);
    told.run();
    assert_eq!(told.kept(), GOOD);
    // Longer than any configuration, and longer than any answer may be.
    let long = |bytes: usize| format!("# {}\n[pg_stats]\nenabled = false\n", "x".repeat(bytes));
    let (long, huge) = (long(70_000), long(5 << 20));
    let too_much = [long.as_str(), huge.as_str()].map(|text| (text, "longer than 65536 bytes"));
    for (text, why) in HOSTILE.iter().chain(BROKEN).chain(&too_much) {
        let shown: String = text.chars().take(60).collect();
        // A body beyond all bounds may be cut off before its answer is read.
        if text.len() < 1 << 20 {
            let refused = told.put(text);
            let (expected, told_why) = if text.len() > 65_536 { (413, "65536 bytes") } else { (422, *why) };
            assert_eq!(refused.status, expected, "{shown}: {refused:?}");
            let message = refused.json()["message"].as_str().unwrap().to_owned();
            assert!(message.contains(told_why), "{shown}: {message}");
        }
        told.plant(text);
        told.later(PULL_S);
        let (log, asked) = told.run();
        assert_eq!(asked, [200], "{shown}");
        let warned: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
        assert!(
            warned.len() == 1 && warned[0].contains("is not used, the last good one stays"),
            "{shown}: {log}"
        );
        assert!(log.contains(why), "{shown}: {log}");
        assert_eq!(told.kept(), GOOD, "{shown}");
        told.later(PULL_S);
        let (log, asked) = told.run();
        assert_eq!(asked, [304], "{shown}: it is not sent again");
        assert!(log.contains("limit=37") && !log.contains("WARN"), "{shown}: told once: {log}");
    }
    let last: i64 = told.store.one(&told.scene.database, "select max(version) from configs");
    assert_eq!(last, 1 + (HOSTILE.len() + BROKEN.len() + too_much.len()) as i64, "no refused one was stored");

    let better = "[postgresql]\nquery_stats_limit = 41\n";
    assert_eq!(told.put(better).status, 200);
    told.later(PULL_S);
    assert_eq!(told.run().1, [200]);
    assert_eq!(told.kept(), better, "a good one is taken again");
    assert!(told.run().0.contains("limit=41"));
}

/// One by one, so that a new key is refused unless it was made one that a backend may change.
#[test]
fn every_key_that_a_backend_may_not_change_is_refused_where_it_is_stored() {
    use settings::keys::SECTIONS;
    let told = Told::start(*majors().last().unwrap());
    let mut refused = 0;
    for section in SECTIONS {
        for key in section.keys.iter().flat_map(|keys| keys.iter()).filter(|key| !key.remote) {
            let answer = told.put(&format!("[{}]\n{} = 1\n", section.name, key.name));
            let message = answer.json()["message"].as_str().unwrap_or_default().to_owned();
            assert_eq!(answer.status, 422, "[{}] {}: {answer:?}", section.name, key.name);
            assert!(message.contains(key.name) || message.contains(section.name), "{message}");
            refused += 1;
        }
    }
    assert!(refused > 40, "{refused}");
    assert_eq!(told.store.one::<i64>(&told.scene.database, "select count(*) from configs"), 0);
}
