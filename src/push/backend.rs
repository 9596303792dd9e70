//! The backend over HTTP(S): a POST for each batch over one agent, and the token that opens the door.
//!
//! A rejected token is refreshed once in a run, and the same batch sent once more: whatever comes then counts. Nothing
//! here repeats a request otherwise, and nothing here says a token, to no log and in no message.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use secrecy::{ExposeSecret, SecretString};
use ureq::Agent;
use wire::TokenReply;

use super::reply::{self, Reply};
use crate::config::{Backend, Target, Token};
use crate::http::{self, Answer, Body, Failure, Request};
use crate::state::{Durability, write_atomic};

/// An answer names what it refused; a longer one could not be read as an acknowledgement.
const LONGEST_REPLY_BYTES: u64 = 4 << 20;
/// From here on the backend is asked first: one that finds it too large could not be heard while we still send.
const ASK_FROM_BYTES: usize = 256 << 10;
const JSON: (&str, &str) = ("content-type", "application/json");

pub(super) struct Api {
    agent: Agent,
    base: String,
    token: SecretString,
    /// Where a refreshed token is stored.
    stored: PathBuf,
    refreshed: bool,
    timeout: Duration,
    deadline: Instant,
}

impl Api {
    pub(super) fn open(backend: &Backend, deadline: Instant) -> Result<Api> {
        let Target::Http(base) = &backend.target else {
            bail!("{} is not reached over HTTP", backend.url);
        };
        let (token, from) = token(backend)?;
        let stored = match &backend.token {
            Token::Inline { refreshed: stored, .. } | Token::File(stored) => stored.clone(),
        };
        log::info!("Loaded auth token from {from}");
        let agent = http::agent(backend, backend.timeout)?;
        Ok(Api {
            agent,
            base: base.clone(),
            token,
            stored,
            refreshed: false,
            timeout: backend.timeout,
            deadline,
        })
    }

    pub(super) fn push(&mut self, batch_id: &str, sealed: &[u8]) -> Reply {
        let first = self.send(batch_id, sealed);
        let Reply::Unauthorized { why } = first else { return first };
        if self.refreshed {
            return Reply::Unauthorized { why };
        }
        log::warn!("Auth token rejected (401), refreshing");
        self.refreshed = true;
        match self.refresh() {
            Ok(()) => self.send(batch_id, sealed),
            Err(e) => Reply::Unauthorized { why: format!("{why} (a refresh of the token failed: {e:#})") },
        }
    }

    /// Whether the backend says of itself that it is well.
    pub(super) fn is_healthy(&self) -> bool {
        let url = format!("{}/api/v1/health", self.base);
        http::get(&self.agent, &self.request(&url, &[], None)).is_ok_and(|answer| answer.status == 200)
    }

    fn send(&self, batch_id: &str, sealed: &[u8]) -> Reply {
        let url = format!("{}/api/v1/metrics/push", self.base);
        let plain = [JSON, ("content-encoding", "gzip")];
        let asking = [JSON, ("content-encoding", "gzip"), ("expect", "100-continue")];
        let headers = if sealed.len() < ASK_FROM_BYTES { &plain[..] } else { &asking[..] };
        match self.post(&url, headers, sealed) {
            Ok(answer) => reply::of(&answer, batch_id, self.host()),
            Err(failure) => Reply::Retry { why: failure.message, after: None },
        }
    }

    fn refresh(&mut self) -> Result<()> {
        let url = format!("{}/api/v1/collectors/refresh-token", self.base);
        let answer = self.post(&url, &[JSON], b"{}")?;
        ensure!((200..=299).contains(&answer.status), "answered {}", answer.status);
        let reply: Option<TokenReply> = serde_json::from_slice(&answer.body).ok();
        let token = reply.map(|r| r.token).filter(|token| !token.trim().is_empty());
        self.token = token.context("the answer holds no token")?.into();
        log::info!("Token refreshed successfully");
        let line = format!("{}\n", self.token.expose_secret());
        if let Err(e) = write_atomic(&self.stored, line.as_bytes(), 0o600, Durability::Synced) {
            log::warn!(
                "storing the refreshed token as {}: {e}; it serves this run only",
                self.stored.display()
            );
        }
        Ok(())
    }

    fn post(&self, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer, Failure> {
        http::post(&self.agent, &self.request(url, headers, Some(&self.token)), Body::Bytes(body))
    }

    fn request<'a>(
        &self,
        url: &'a str,
        headers: &'a [(&'a str, &'a str)],
        token: Option<&'a SecretString>,
    ) -> Request<'a> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let timeout = self.timeout.min(left);
        Request { url, token, headers, max_reply_bytes: LONGEST_REPLY_BYTES, timeout }
    }

    /// Host and port.
    fn host(&self) -> &str {
        let rest = self.base.split_once("://").map_or(self.base.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }
}

/// The collector's token and where it was found.
pub(crate) fn token(backend: &Backend) -> Result<(SecretString, String)> {
    match &backend.token {
        Token::Inline { token, from, .. } => Ok((token.clone(), from.clone())),
        Token::File(path) => Ok((read(path)?, path.display().to_string())),
    }
}

fn read(path: &Path) -> Result<SecretString> {
    let next = "put the collector's token there, or give [backend] token or BACKEND_TOKEN";
    let text = fs::read_to_string(path)
        .with_context(|| format!("reading the auth token {}; {next}", path.display()))?;
    let token = text.trim();
    ensure!(!token.is_empty(), "the auth token {} is empty; {next}", path.display());
    Ok(token.into())
}
