//! The documents: each command in them runs, each file that they point to is there, no line names what is not ours.

pub(crate) mod block;
mod collectors;
mod configuration;
mod output;
mod shell;
mod troubles;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::api::{self, Api};
use crate::support::cluster::shared;
use crate::support::home::Home;
use crate::support::majors;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<(PathBuf, String)> {
    let top = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name));
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|file| file.unwrap().path());
    top.into_iter().chain(docs).map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// Lines that a reader is meant to type, of the blocks that nobody else runs.
fn commands(text: &str) -> Vec<String> {
    let blocks = block::all(text, "sh").into_iter().filter(|block| block.run == block::Run::Here);
    let lines = blocks.flat_map(|block| block.text.lines().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

#[test]
fn every_command_of_the_documents_runs() {
    let cluster = shared(majors()[0]);
    let home = Home::new();
    home.config(&format!(
        "[collector]\nid = \"docs\"\nstate_dir = \"{{state}}\"\n[backend]\nurl = \"{{target}}\"\n[postgres]\n\
         host = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\n[logging]\nfile_path = \"{{log}}\"\n",
        cluster.port()
    ));
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    let database = api::url(cluster.port(), &cluster.fresh_database("docs"));
    let mut ran = 0;
    for (path, text) in documents() {
        for command in &commands(&text) {
            let words: Vec<&str> = command.split_whitespace().collect();
            if words[0] == "pganalytics-api" {
                backend(&database, &words[1..]);
                ran += 1;
            } else if words[0] == "pganalytics" {
                let run = home.run(&words[1..]);
                assert_eq!(run.code, Some(0), "{}: {command}: {}", path.display(), run.stderr);
                ran += 1;
            } else {
                // The backend's tests run those of the API.
                let api = words[0] == "curl" && path.ends_with("docs/API.md");
                assert!(api, "{}: {command}: nobody runs this, and no comment says why", path.display());
            }
        }
    }
    assert!(ran >= 5, "only {ran} commands were found");
}

/// A command of the backend, on a database of this test's own. NAME is a collector that is registered.
fn backend(database_url: &str, arguments: &[&str]) {
    let mut backend = Api::prepare(database_url, &[]);
    if arguments == ["serve"] {
        backend.launch();
        backend.healthy();
        // Known already where another document has served before.
        let name = br#"{"name":"NAME","hostname":"h"}"#;
        let secret = [("X-Registration-Secret", api::REGISTRATION_SECRET)];
        let status = backend.post("/api/v1/collectors/register", &secret, name).status;
        assert!([201, 409].contains(&status), "{status}");
        return;
    }
    let run = backend.command(arguments).output().unwrap();
    assert!(run.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
}

/// What a fleet takes is worked out from the load that was measured: newer figures there make these stale.
#[test]
fn the_tables_of_fleets_follow_from_the_measured_load() {
    let model = Command::new(root().join("scripts/scale-model")).output().unwrap();
    assert!(model.status.success(), "{}", String::from_utf8_lossy(&model.stderr));
    let tables = String::from_utf8(model.stdout).unwrap();
    let document = fs::read_to_string(root().join("docs/SCALE.md")).unwrap();
    assert!(document.contains(tables.trim()), "scripts/scale-model --write brings docs/SCALE.md up to date");
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    for (path, text) in documents() {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let there = match link.strip_prefix('#') {
                Some(heading) => text.contains(&format!("\n## {heading}\n")),
                None => link.starts_with("http") || path.parent().unwrap().join(link).exists(),
            };
            assert!(there, "{}: {link}", path.display());
        }
    }
}

#[test]
fn what_is_named_in_code_style_and_looks_like_a_path_of_ours_exists() {
    for (path, text) in documents() {
        let spans = text.split('`').skip(1).step_by(2);
        let ours = ["src/", "scripts/", "crates/", "tests/", "fuzz/"];
        for span in spans.filter(|span| ours.iter().any(|folder| span.starts_with(folder))) {
            let word = span.split([' ', '<', '`']).next().unwrap();
            let (file, test) = word.split_once("::").unwrap_or((word, ""));
            assert!(root().join(file).exists(), "{}: {span}", path.display());
            // A file, and a test in it.
            let named = || fs::read_to_string(root().join(file)).unwrap().contains(&format!("fn {test}("));
            assert!(test.is_empty() || named(), "{}: {span}", path.display());
        }
    }
}
