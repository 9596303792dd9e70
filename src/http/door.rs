//! The backend's door: its address, one agent, and the time that is left. Whoever asks something of it goes through here.
//!
//! Holds no token: each request shows one, or none.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use secrecy::SecretString;
use ureq::Agent;

use super::{Answer, Failure, Request, agent, get, post};
use crate::config::{Backend, Target};

/// An answer names what it refused; a longer one could not be read as an acknowledgement.
const LONGEST_REPLY_BYTES: u64 = 4 << 20;
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

#[derive(Clone)]
pub(crate) struct Door {
    agent: Agent,
    base: String,
    timeout: Duration,
    deadline: Instant,
}

impl Door {
    pub(crate) fn open(backend: &Backend, deadline: Instant) -> Result<Door> {
        let Target::Http(base) = &backend.target else {
            bail!("{} is not reached over HTTP", backend.url);
        };
        let agent = agent(backend, backend.timeout)?;
        Ok(Door { agent, base: base.clone(), timeout: backend.timeout, deadline })
    }

    /// The same for somebody who may take so much of what is left only.
    pub(crate) fn for_a_share(&self, share: u32) -> Door {
        Door { deadline: Instant::now() + self.left() / share, ..self.clone() }
    }

    /// `path` is below `/api/v1`.
    pub(crate) fn get(&self, path: &str, token: Option<&SecretString>) -> Result<Answer, Failure> {
        self.get_with(path, &[], token)
    }

    pub(crate) fn get_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        token: Option<&SecretString>,
    ) -> Result<Answer, Failure> {
        let url = self.url(path);
        get(&self.agent, &self.request(&url, headers, token))
    }

    pub(crate) fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        token: Option<&SecretString>,
        body: &[u8],
    ) -> Result<Answer, Failure> {
        let url = self.url(path);
        post(&self.agent, &self.request(&url, headers, token), body)
    }

    /// Host and port.
    pub(crate) fn host(&self) -> &str {
        let rest = self.base.split_once("://").map_or(self.base.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.base)
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    fn request<'a>(
        &self,
        url: &'a str,
        headers: &'a [(&'a str, &'a str)],
        token: Option<&'a SecretString>,
    ) -> Request<'a> {
        let timeout = self.timeout.min(self.left());
        Request { url, token, headers, max_reply_bytes: LONGEST_REPLY_BYTES, timeout }
    }
}
