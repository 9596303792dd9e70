//! What a backend's answer to a registration means: pure.
//!
//! Only an answer in our own shape makes an identity, and only one that the next run can use: an id that the
//! configuration takes, a token that a header carries. What is said to people holds nothing that was to be hidden.

use anyhow::{Result, anyhow, bail};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use wire::{Problem, Registered};

use crate::config;
use crate::http::Answer;
use crate::push::{reply, token};

/// Who we are from now on.
pub(super) struct Identity {
    pub(super) id: String,
    pub(super) token: SecretString,
    pub(super) until: Option<Timestamp>,
}

/// What is blotted out of everything that others say.
pub(super) struct Hidden(pub(super) Vec<SecretString>);

impl Hidden {
    /// Fit for one line.
    pub(super) fn plain(&self, text: &str) -> String {
        let blot = |text: String, secret: &SecretString| text.replace(secret.expose_secret(), "***");
        // First, as what is cut off could leave a part of one.
        reply::few(&self.0.iter().fold(text.to_owned(), blot))
    }

    fn is_in(&self, text: &str) -> bool {
        self.0.iter().any(|secret| text.contains(secret.expose_secret()))
    }
}

/// `name` is what was asked for, `host` names the backend in what is said to people.
pub(super) fn read(answer: &Answer, name: &str, host: &str, hidden: &Hidden) -> Result<Identity> {
    let what = match answer.status {
        200..=299 => return identity(answer, hidden).ok_or_else(|| no_registration(answer.status, host)),
        401 | 403 => "the registration secret is not the one that it has as REGISTRATION_SECRET".to_owned(),
        409 => format!(
            "the name {name} is taken: an admin of the backend has to allow it once more, or choose another [collector] name"
        ),
        429 => answer.retry_after.map_or("too many registrations, try again later".to_owned(), |wait| {
            format!("too many registrations, try again in {} s", wait.as_secs())
        }),
        300..=399 => "redirects are not followed, [backend] url must be the final address".to_owned(),
        404 | 405 => "nothing registers collectors there, check [backend] url".to_owned(),
        400 | 422 => {
            "it does not take this collector's name, hostname or address, see [collector]".to_owned()
        }
        _ => "see the log of the backend, or of what stands before it".to_owned(),
    };
    let said = serde_json::from_slice::<Problem>(&answer.body).ok();
    let said = said.map(|p| format!(" ({}: {})", hidden.plain(&p.code), hidden.plain(&p.message)));
    bail!("{host} answered {}{}: {what}", answer.status, said.unwrap_or_default())
}

fn identity(answer: &Answer, hidden: &Hidden) -> Option<Identity> {
    let Registered { collector_id: id, token, expires_at } = serde_json::from_slice(&answer.body).ok()?;
    let token = token.trim();
    let fine = config::is_id(&id) && token::fits(token) && !hidden.is_in(&id) && !id.contains(token);
    fine.then(|| Identity { id, token: token.into(), until: expires_at.parse().ok() })
}

fn no_registration(status: u16, host: &str) -> anyhow::Error {
    anyhow!(
        "{host} answered {status} with no id and token that could be used: is this the backend, or a proxy or portal before it?"
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECRET: &str = "open-sesame";

    fn hidden() -> Hidden {
        Hidden(vec![SECRET.into(), "old-token".into()])
    }

    fn answered(status: u16, body: &str) -> Result<Identity> {
        let retry_after = (status == 429).then_some(Duration::from_secs(7));
        let answer =
            Answer { status, retry_after, headers: Default::default(), body: body.as_bytes().to_vec() };
        read(&answer, "orders", "api:8080", &hidden())
    }

    fn why(status: u16, body: &str) -> String {
        format!("{:#}", answered(status, body).err().unwrap())
    }

    fn registered(id: &str, token: &str, until: &str) -> String {
        serde_json::json!({"collector_id": id, "token": token, "expires_at": until, "more": 1}).to_string()
    }

    #[test]
    fn an_identity_is_taken_as_it_is() {
        let new = answered(201, &registered("c-1", "t.o.k", "2027-01-01T00:00:00Z")).unwrap();
        assert_eq!((new.id.as_str(), new.token.expose_secret()), ("c-1", "t.o.k"));
        assert_eq!(new.until.unwrap().to_string(), "2027-01-01T00:00:00Z");
        let odd = answered(200, &registered("c-1", "t.o.k", SECRET)).unwrap();
        assert_eq!(odd.until, None, "nothing but a time is told as one");
    }

    #[test]
    fn what_the_next_run_could_not_use_is_none() {
        for body in [
            "<html>".to_owned(),
            "{}".to_owned(),
            r#"{"collector_id":"c","expires_at":"x"}"#.to_owned(),
            registered("", "t", ""),
            registered("a/b", "t", ""),
            registered("c 1", "t", ""),
            registered(&"c".repeat(201), "t", ""),
            registered("c", " ", ""),
            registered("c", "two words", ""),
            registered("c", "line\nline", ""),
            registered("t", "t", ""),
            registered(SECRET, "t", ""),
            registered("x-old-token", "t", ""),
        ] {
            let why = why(200, &body);
            assert!(why.contains("answered 200 with no id and token"), "{why}");
            assert!(!why.contains(SECRET) && !why.contains("old-token"), "{why}");
        }
    }

    #[test]
    fn each_refusal_says_what_to_do_next() {
        for (status, part) in [
            (302, "final address"),
            (400, "see [collector]"),
            (401, "registration secret is not the one"),
            (403, "registration secret is not the one"),
            (404, "check [backend] url"),
            (409, "orders is taken: an admin of the backend has to allow it"),
            (422, "see [collector]"),
            (429, "try again in 7 s"),
            (500, "see the log"),
            (503, "see the log"),
        ] {
            let why = why(status, r#"{"code":"c","message":"its own\nwords"}"#);
            assert!(why.starts_with(&format!("api:8080 answered {status} (c: its own words): ")), "{why}");
            assert!(why.contains(part), "{why}");
            assert!(!self::why(status, "<html>").contains('('), "a stranger's page is not quoted");
        }
    }

    #[test]
    fn no_secret_is_told_whatever_is_answered() {
        let early = format!("{} {SECRET} and old-token", "x".repeat(192));
        for message in [SECRET, "<old-token>", &early] {
            let body = serde_json::json!({"code": SECRET, "message": message}).to_string();
            let why = why(401, &body);
            assert!(why.contains("***"), "{why}");
            for part in [SECRET, "old-token", "open-"] {
                assert!(!why.contains(part), "{why}");
            }
        }
    }
}
