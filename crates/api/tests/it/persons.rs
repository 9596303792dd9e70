//! People of a test: made as operators make them, and logged in as they do.

use std::io::Write;
use std::process::Stdio;

use bed::api::{Answer, Api};
use bed::cluster::{Cluster, shared};
use bed::majors;
use serde_json::{Value, json};

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const LOGIN: &str = "/api/v1/auth/login";

/// What is the backend's own and not the server's is proved on the newest server alone.
pub(crate) fn newest() -> &'static Cluster {
    shared(*majors().last().unwrap())
}

pub(crate) struct Session {
    pub(crate) user: String,
    pub(crate) token: String,
    pub(crate) refresh: String,
}

#[track_caller]
pub(crate) fn create(api: &Api, name: &str, role: &str) {
    let mut command = api.command(&["admin", "create-user", name, "--role", role]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

pub(crate) fn try_login(api: &Api, name: &str, password: &str) -> Answer {
    send(api, "POST", LOGIN, None, &json!({ "username": name, "password": password }))
}

#[track_caller]
pub(crate) fn login(api: &Api, name: &str) -> Session {
    session(&try_login(api, name, PASSWORD))
}

#[track_caller]
pub(crate) fn session(answer: &Answer) -> Session {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Session {
        user: text(&body["user"]["id"]),
        token: text(&body["token"]),
        refresh: text(&body["refresh_token"]),
    }
}

#[track_caller]
pub(crate) fn made_and_in(api: &Api, name: &str, role: &str) -> Session {
    create(api, name, role);
    login(api, name)
}

#[track_caller]
pub(crate) fn send(api: &Api, method: &str, path: &str, token: Option<&str>, body: &Value) -> Answer {
    api.ask(method, path, token, body.to_string().as_bytes())
}
