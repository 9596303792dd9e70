//! What the deployment documents tell an operator to check passes on what we build, by the script that asks it all; and the
//! script sees what is wrong with a deployment.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;

use super::scene::Scene;
use crate::docs::block::{self, Run};
use crate::support::api::{self, Api, REGISTRATION_SECRET, SCRAPE_TOKEN};
use crate::support::cluster::{Cluster, shared};
use crate::support::majors;
use crate::support::poll::{LONG, eventually};
use crate::support::stub::{Answer, Stub};

const PASSWORD: &str = "correct \"horse\" battery";

fn newest() -> &'static Cluster {
    shared(*majors().last().unwrap())
}

/// A replica on this database that limits requests as an operator's does, with an admin.
fn replica(database: &str) -> Api {
    let limits = ("RATE_LIMITS", "anonymous=100");
    let mut api = Api::prepare(&api::url(newest().port(), database), &[limits]);
    api.launch();
    // Not by its health: each look at that counts.
    eventually(LONG, || match api.log() {
        log if log.contains("the schema is at version") => Ok(()),
        log => Err(log),
    });
    let file = api.dir().join("password");
    std::fs::write(&file, PASSWORD).unwrap();
    let make = ["admin", "create-user", "root", "--password-file", file.to_str().unwrap()];
    assert!(api.command(&make).output().unwrap().status.success());
    api
}

struct Checked {
    code: Option<i32>,
    passed: Vec<String>,
    failed: BTreeSet<String>,
    said: String,
    /// On standard error.
    aside: String,
}

/// All of it against this address.
fn check(url: &str, database: &str, more: &[(&str, &str)]) -> Checked {
    let top = ::bed::top();
    let bin = top.join(format!("target/pg/{}/bin", newest().major));
    let mut script = Command::new(top.join("scripts/check-deployment"));
    script.env_clear().env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    script.envs([
        ("API_URL", url),
        ("DATABASE_URL", &api::url(newest().port(), database)),
        ("REGISTRATION_SECRET", REGISTRATION_SECRET),
        ("ADMIN_USER", "root"),
        ("ADMIN_PASSWORD", PASSWORD),
        ("SCRAPE_TOKEN", SCRAPE_TOKEN),
    ]);
    let output = script.envs(more.iter().copied()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let aside = String::from_utf8(output.stderr).unwrap();
    let titles = |word: &str| -> Vec<String> {
        said.lines().filter_map(|line| line.strip_prefix(word)).map(str::to_owned).collect()
    };
    let (passed, failed) = (titles("pass  "), titles("fail  "));
    let count = format!("{} passed, {} failed", passed.len(), failed.len());
    assert_eq!(said.lines().last(), Some(count.as_str()), "{said}{aside}");
    assert_eq!(output.status.code(), Some(i32::from(!failed.is_empty())), "{said}");
    Checked { code: output.status.code(), passed, failed: failed.into_iter().collect(), said, aside }
}

/// Collector and user of the script are gone, whatever came of it.
#[track_caller]
fn left_nothing(database: &str) {
    let left = "select (select count(*) from collectors where name like 'deployment-check%') + (select count(*) from users where username <> 'root')";
    assert_eq!(newest().one::<i64>(database, left), 0);
}

#[test]
fn every_line_of_the_deployment_documents_passes() {
    let server = newest();
    let watched = server.fresh_database("watched");
    server.sql(&watched, "create extension pg_stat_statements");
    let scene = Scene::start(
        server,
        &format!(
            "[postgres]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\nsslmode = \"disable\"\ndatabases = [{watched:?}]\n",
            server.port()
        ),
    );
    scene.cron(0);
    let api = replica(&scene.database);
    let checked = check(&api.url(), &scene.database, &[("COLLECTOR_TOKEN", &scene.token())]);
    assert_eq!(checked.failed, BTreeSet::new(), "{}", checked.said);
    assert_eq!(checked.code, Some(0));
    let script = std::fs::read_to_string(::bed::top().join("scripts/check-deployment")).unwrap();
    let lines = script.lines().filter(|line| line.trim_start().starts_with("says ")).count();
    assert!(
        checked.passed.len() > lines && lines > 40,
        "{lines} lines, some for several answers: {}",
        checked.said
    );
    assert!(checked.said.contains("\nnote  the plan logs in as admin"), "{}", checked.said);
    left_nothing(&scene.database);
}

/// As docs/UPGRADE.md has it typed: admin and settings come from the files of the backend's host.
#[test]
fn the_lines_of_the_upgrade_ask_it_with_what_the_host_has() {
    let top = ::bed::top();
    let document = std::fs::read_to_string(top.join("docs/UPGRADE.md")).unwrap();
    let ours = Run::By("tests/it/e2e/deployment.rs".to_owned());
    let [typed] = <[_; 1]>::try_from(
        block::all(&document, "sh").into_iter().filter(|b| b.run == ours).collect::<Vec<_>>(),
    )
    .unwrap_or_else(|found| panic!("{} blocks", found.len()));

    let database = newest().fresh_database("upgraded");
    let api = replica(&database);
    full(&api, &database);
    let (config, password) = (api.dir().join("config.toml"), api.dir().join("admin-password"));
    let url = api::url(newest().port(), &database);
    let settings = format!(
        "database_url = \"{url}\"\njwt_secret_key = \"{}\"\nregistration_secret = \"{REGISTRATION_SECRET}\"\n",
        api::KEY
    );
    std::fs::write(&config, settings).unwrap();
    std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
    let here = typed
        .text
        .replace("/etc/pganalytics/config.toml", config.to_str().unwrap())
        .replace("/root/admin-password", password.to_str().unwrap())
        .replace("http://127.0.0.1:8080", &api.url());
    let tree = top.join(format!("target/pg/{}", newest().major));
    let programs = ::bed::program("pganalytics-api");
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &here])
        .env_clear()
        .env(
            "PATH",
            format!("{}:{}:/usr/bin:/bin", programs.parent().unwrap().display(), tree.join("bin").display()),
        )
        .envs([("CONFIG_FILE", config.to_str().unwrap()), ("SCRAPE_TOKEN", SCRAPE_TOKEN)])
        .current_dir(top)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.trim_end().ends_with(" passed, 0 failed"), "{said}");
}

/// A proxy that takes the heads off all answers: the documents' lines on them fail, and no other.
#[test]
fn a_deployment_whose_proxy_strips_headers_fails_by_their_lines() {
    let database = newest().fresh_database("stripped");
    let api = Arc::new(replica(&database));
    full(&api, &database);
    let behind = api.clone();
    let proxy = Stub::start(move |_| {
        let api = behind.clone();
        Answer::with_body(move |request| {
            let names = ["authorization", "x-registration-secret", "content-type"];
            let headers: Vec<_> =
                names.iter().filter_map(|name| Some((*name, request.header(name)?))).collect();
            let answer = api.ask_with(&request.method, &request.path, &headers, &request.body);
            Answer::reply(answer.status, answer.text)
        })
    });
    let checked = check(&proxy.url(), &database, &[]);
    let mut expected = BTreeSet::from([
        "plan: security header Strict-Transport-Security: max-age=",
        "plan: security header X-Frame-Options: DENY",
        "plan: security header X-Content-Type-Options: nosniff",
        // How many are left was in a head as well.
        "plan: of 101 requests the rest is refused",
    ]);
    let limits = [
        "Retry-After: [1-9]",
        "X-RateLimit-Limit: 100",
        "X-RateLimit-Remaining: 0",
        "X-RateLimit-Reset: [1-9]",
    ];
    let limits = limits.map(|head| format!("plan: refused with {head}"));
    expected.extend(limits.iter().map(String::as_str));
    assert_eq!(checked.failed, expected.into_iter().map(str::to_owned).collect(), "{}", checked.said);
    left_nothing(&database);
}

#[test]
fn a_wrong_secret_and_a_store_that_got_nothing_fail_and_no_secret_is_shown() {
    let database = newest().fresh_database("wrong");
    let api = replica(&database);
    let checked = check(&api.url(), &database, &[("REGISTRATION_SECRET", "not-the-one-3141592653")]);
    for title in [
        "plan: a collector registers and gets a token",
        "plan: the collector pushes",
        "plan: its metrics are in the database",
        "checklist: there are metrics",
        "guide: of the type pg_stats",
        "plan: collectors are reporting",
        "security: and its token ends with it",
        "figures: pganalytics_ingest_records_total",
    ] {
        assert!(checked.failed.contains(title), "{title}: {}", checked.said);
    }
    for title in
        ["report: the API is healthy", "plan: the admin logs in", "plan: of 101 requests the rest is refused"]
    {
        assert!(checked.passed.iter().any(|passed| passed == title), "{title}: {}", checked.said);
    }
    for secret in ["3141592653", PASSWORD, "eyJ0eXAi", "eyJhbGci", SCRAPE_TOKEN, "argon2id$v"] {
        assert!(!checked.said.contains(secret), "{secret}: {}", checked.said);
    }
    left_nothing(&database);
}

/// Nobody is there to delete it with.
#[test]
fn a_wrong_password_fails_and_what_stays_behind_is_named() {
    let database = newest().fresh_database("wrong");
    let api = replica(&database);
    let checked = check(&api.url(), &database, &[("ADMIN_PASSWORD", "a wrong horse battery")]);
    for title in ["plan: the admin logs in", "plan: the viewer logs in", "security: the collector is deleted"]
    {
        assert!(checked.failed.contains(title), "{title}: {}", checked.said);
    }
    assert!(checked.passed.iter().any(|passed| passed == "plan: the collector pushes"), "{}", checked.said);
    let left: String = newest().one(&database, "select id::text from collectors");
    assert_eq!(checked.aside, format!("left behind, for an admin to delete: collectors/{left}\n"));
}

/// Something of each type that the guide names, as a collector of its release would push it.
fn full(api: &Api, database: &str) {
    let (id, token) = api.register("one");
    let now = jiff::Timestamp::now().to_string();
    let items = ["pg_query_stats", "pg_stats", "sysstat", "disk_usage"]
        .map(|kind| serde_json::json!({ "type": kind, "timestamp": now }));
    let batch = serde_json::json!({
        "collector_id": id, "hostname": "h", "version": "3.3.0", "timestamp": now, "metrics_count": 4, "metrics": items,
    });
    assert_eq!(api.push(&token, &batch).status, 200, "{database}");
}
