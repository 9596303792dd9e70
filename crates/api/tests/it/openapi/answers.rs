//! What is answered is what is described: each command line of the page is run, and each route is asked in vain.

use std::fs;
use std::process::Command;

use bed::api::{Answer, Api, REGISTRATION_SECRET, SCRAPE_TOKEN};
use bed::poll::{LONG, eventually};
use pganalytics_api::openapi::document;
use pganalytics_api::routes::page;

use super::contract::{Contract, Described, at, operations};
use crate::persons::{create, login, newest};

/// The command line of each route, under its heading.
fn commands() -> Vec<(String, String, String)> {
    let page = fs::read_to_string(bed::top().join("docs/API.md")).unwrap();
    let sections = page.split("\n## ").filter(|section| section.contains("```sh\n"));
    let commands = sections.map(|section| {
        let (method, path) = section.lines().next().unwrap().split_once(' ').unwrap();
        let line = section.split("```sh\n").nth(1).unwrap().lines().next().unwrap();
        (method.to_owned(), path.to_owned(), line.to_owned())
    });
    commands.collect()
}

struct Scene {
    api: Api,
    dir: tempfile::TempDir,
    collector: (String, String),
    /// To be deleted, each once.
    gone: (String, String),
    target: String,
}

impl Scene {
    fn start() -> Scene {
        let api = Api::start(newest(), &newest().fresh_database("openapi"), &[]);
        for (name, role) in [("root", "admin"), ("anna", "user"), ("target", "viewer"), ("gone", "viewer")] {
            create(&api, name, role);
        }
        let (collector, gone) = (api.register("one"), (api.register("gone").0, login(&api, "gone").user));
        let target = login(&api, "target").user;
        let path = format!("/api/v1/config/{}", collector.0);
        assert_eq!(api.ask("PUT", &path, Some(&login(&api, "root").token), b"").status, 200);
        let dir = tempfile::tempdir().unwrap();
        // The status and type come behind the body, whatever the command line says.
        fs::write(dir.path().join(".curlrc"), "write-out = \"\\n%{http_code} %{content_type}\"\n").unwrap();
        for (name, path) in
            [("batch.json", "/api/v1/metrics/push"), ("remote.toml", "/api/v1/config/{collector_id}")]
        {
            let document = document();
            let example = operations(&document)
                .find_map(|one| one.body().filter(|_| one.path == path))
                .unwrap()
                .example;
            let text = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
            fs::write(dir.path().join(name), text).unwrap();
        }
        Scene { api, dir, collector, gone, target }
    }

    /// Status, type and body of what this line was answered.
    fn run(&self, method: &str, line: &str) -> (u16, Option<String>, String) {
        let (anna, root) = (login(&self.api, "anna"), login(&self.api, "root"));
        let (collector, user) = match method {
            "DELETE" => self.gone.clone(),
            _ => (self.collector.0.clone(), self.target.clone()),
        };
        let variables = [
            ("API", self.api.url()),
            ("EDITION", page::edition().to_owned()),
            ("TOKEN", root.token),
            ("REFRESH_TOKEN", anna.refresh),
            ("COLLECTOR_TOKEN", self.collector.1.clone()),
            ("COLLECTOR_ID", collector),
            ("USER_ID", user),
            ("REGISTRATION_SECRET", REGISTRATION_SECRET.to_owned()),
            ("SCRAPE_TOKEN", SCRAPE_TOKEN.to_owned()),
        ];
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(&self.dir).env_clear().env("PATH", "/usr/bin:/bin");
        let run = shell.env("CURL_HOME", self.dir.path()).envs(variables).output().unwrap();
        assert!(run.status.success(), "{line}: {run:?}");
        let text = String::from_utf8(run.stdout).unwrap();
        let (body, told) = text.rsplit_once('\n').unwrap();
        let (status, media) = told.split_once(' ').unwrap();
        let media = Some(media.to_owned()).filter(|media| !media.is_empty());
        (status.parse().unwrap(), media, body.to_owned())
    }
}

#[test]
fn every_command_line_of_the_page_is_answered_as_described() {
    let (scene, contract, commands) = (Scene::start(), Contract::new(), commands());
    assert_eq!(commands.len(), operations(&document()).count(), "each route has one");
    for (method, path, line) in commands {
        let (status, media, body) = scene.run(&method, &line);
        assert!(status < 300, "{line}: {status} {body}");
        let held = contract.holds(&method, &path, status, media.as_deref(), body.as_bytes());
        held.unwrap_or_else(|e| panic!("{line}: {e}: {body}"));
    }
}

#[track_caller]
fn refused(contract: &Contract, one: &Described, answer: &Answer) {
    assert!(answer.status >= 400, "{} {}: {answer:?}", one.method, one.path);
    let media = answer.header("Content-Type");
    let held = contract.holds(&one.method, &one.path, answer.status, media, answer.text.as_bytes());
    held.unwrap_or_else(|e| panic!("{} {}: {e}: {answer:?}", one.method, one.path));
}

#[test]
fn every_route_refuses_as_described() {
    let database = newest().fresh_database("openapi");
    let limits = "anonymous=1000,user=1000,push=1000,login=1000,registration=1000";
    let open = Api::start(newest(), &database, &[("RATE_LIMITS", limits)]);
    let mut narrow =
        Api::prepare(&bed::api::url(newest().port(), &database), &[("RATE_LIMITS", "anonymous=1")]);
    narrow.launch();
    // Not by its health: that counts.
    eventually(LONG, || narrow.try_get("/healthz", None));
    narrow.get("/version", None);
    let (contract, document) = (Contract::new(), document());
    for one in operations(&document).filter(|one| !one.refusals().is_empty()) {
        let path = at(&one.path, "none");
        let limited = narrow.ask(&one.method, &path, None, b"");
        assert_eq!(limited.status, 429, "{path}");
        refused(&contract, &one, &limited);
        // Without a token or a secret, or with nothing of what is needed.
        let answer = open.ask(&one.method, &path, None, b"{}");
        if one.refusals().iter().any(|status| [401, 422].contains(status)) && !path.starts_with("/metrics") {
            refused(&contract, &one, &answer);
        }
    }
}

#[test]
fn without_a_database_health_says_so_as_described() {
    let mut api = Api::prepare(&bed::api::url(bed::ports::lease().number, "none"), &[]);
    api.launch();
    let answer = eventually(LONG, || api.try_get("/api/v1/health", None));
    let media = answer.header("Content-Type");
    let held = Contract::new().holds("GET", "/api/v1/health", 503, media, answer.text.as_bytes());
    assert_eq!((answer.status, held), (503, Ok(())), "{answer:?}");
}
