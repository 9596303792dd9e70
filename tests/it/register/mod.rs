//! `register`: what it asks for, what it keeps and for whom, what it says; and that it says no secret to anybody.

mod identity;
mod refusals;
mod wins;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::home::{Home, Run};
use crate::support::stub::{Answer, Request, Stub};

const REGISTER: &str = "/api/v1/collectors/register";
const SECRET: &str = "sesame-1618033988";
const TOKEN: &str = "given-token-2718281828";
const ID: &str = "0199-of-orders";
/// What a backend on http:// is worth a word for.
const IN_THE_CLEAR: &str = "warning: http:// : the registration secret and the token travel unencrypted\n";

/// `more` is TOML that begins with further keys of `[backend]`.
fn configure(home: &Home, url: &str, collector: &str, more: &str) {
    home.config(&format!(
        "[collector]\nhostname = \"host.test\"\nstate_dir = \"{{state}}\"\n{collector}\n\
         [logging]\nfile_path = \"{{log}}\"\n[backend]\nurl = \"{url}\"\n{more}\n"
    ));
}

/// A collector named orders, who knows the secret.
fn orders(url: &str) -> Home {
    let home = Home::new().env("REGISTRATION_SECRET", SECRET);
    configure(&home, url, "name = \"orders\"", "");
    home
}

/// A backend that answers a registration so.
fn desk(answer: Answer) -> Stub {
    Stub::start(move |request: &Request| match request.path.as_str() {
        REGISTER => answer.clone(),
        _ => Answer::reply(404, ""),
    })
}

fn identity() -> Answer {
    given(ID, TOKEN)
}

fn given(id: &str, token: &str) -> Answer {
    let until = "2027-01-01T00:00:00Z";
    Answer::reply(201, json!({"collector_id": id, "token": token, "expires_at": until}).to_string())
}

fn token_path(home: &Home) -> PathBuf {
    home.state_dir().join("collector.token")
}

fn id_path(home: &Home) -> PathBuf {
    home.state_dir().join("collector.id")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The home's files, what was printed into them too.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

/// Nothing of it in any file of the home but this one, nor in what was printed.
#[track_caller]
fn assert_secret(home: &Home, run: &Run, secret: &str, but: &Path) {
    let all = files(home.state_dir().parent().unwrap());
    assert!(all.iter().any(|path| path.ends_with("stderr.1")), "{all:?}");
    for path in all.iter().filter(|path| *path != but) {
        let text = fs::read(path).unwrap();
        let found = String::from_utf8_lossy(&text).contains(secret);
        assert!(!found, "{secret} is in {}", path.display());
    }
    assert!(!format!("{}{}", run.stdout, run.stderr).contains(secret));
}
