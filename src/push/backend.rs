//! The backend as a target: a POST for each batch, and the token that opens the door.
//!
//! A token is refreshed once in a run: before the first batch where half of its life is over, or when a batch is
//! answered 401, which is then sent once more; whatever comes then counts. Nothing here repeats a request otherwise, and
//! nothing here says a token, to no log and in no message.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use secrecy::{ExposeSecret, SecretString};
use wire::TokenReply;

use super::reply::{self, Reply};
use super::token::{self, Life};
use crate::config::Backend;
use crate::http::{Answer, Door, Failure, JSON};

/// From here on the backend is asked first: one that finds it too large could not be heard while we still send.
const ASK_FROM_BYTES: usize = 256 << 10;
/// What a refresh that is not needed yet may take of the time that is left: the batches come first.
const EARLY_SHARE: u32 = 3;

pub(super) struct Api {
    door: Door,
    backend: Backend,
    token: SecretString,
    refreshed: bool,
    /// What the next run will find: all is well, or a new token that could not be stored. `None`: nobody knows.
    pub(super) kept: Option<Result<(), String>>,
}

impl Api {
    pub(super) fn open(backend: &Backend, deadline: Instant) -> Result<Api> {
        let door = Door::open(backend, deadline)?;
        let (token, from) = token::find(backend)?;
        log::info!("Loaded auth token from {from}");
        Ok(Api { door, backend: backend.clone(), token, refreshed: false, kept: Some(Ok(())) })
    }

    /// Long before the token ends, so that an outage of days costs nobody a registration. One that the environment gives
    /// is left alone: the next run would begin with it again.
    pub(super) fn refresh_at_half_life(&mut self, now: i64) {
        let over_half = Life::of(&self.token, now).is_some_and(|life| life.is_past_half(now));
        if !token::can_be_replaced(&self.backend) || !over_half {
            return;
        }
        if let Err(e) = self.refresh(&self.door.for_a_share(EARLY_SHARE)) {
            log::warn!(
                "Half of the auth token's life is over and a refresh failed: {e:#}; the old one is used"
            );
        }
    }

    pub(super) fn push(&mut self, batch_id: &str, sealed: &[u8]) -> Reply {
        let first = self.send(batch_id, sealed);
        let Reply::Unauthorized { why } = first else { return first };
        if self.refreshed {
            return Reply::Unauthorized { why };
        }
        log::warn!("Auth token rejected (401), refreshing");
        match self.refresh(&self.door.clone()) {
            Ok(()) => self.send(batch_id, sealed),
            Err(e) => Reply::Unauthorized { why: format!("{why} (a refresh of the token failed: {e:#})") },
        }
    }

    /// Whether the backend says of itself that it is well.
    pub(super) fn is_healthy(&self) -> bool {
        self.door.get("health", None).is_ok_and(|answer| answer.status == 200)
    }

    /// The configuration that the backend keeps for this collector, unless it is the one with this tag.
    pub(super) fn config(&self, collector_id: &str, etag: Option<&str>) -> Result<Answer, Failure> {
        let headers: Vec<_> = etag.map(|etag| ("if-none-match", etag)).into_iter().collect();
        self.door.get_with(&format!("config/{collector_id}"), &headers, Some(&self.token))
    }

    fn send(&self, batch_id: &str, sealed: &[u8]) -> Reply {
        let plain = [JSON, ("content-encoding", "gzip")];
        let asking = [JSON, ("content-encoding", "gzip"), ("expect", "100-continue")];
        let headers = if sealed.len() < ASK_FROM_BYTES { &plain[..] } else { &asking[..] };
        match self.door.post("metrics/push", headers, Some(&self.token), sealed) {
            Ok(answer) => reply::of(&answer, batch_id, self.door.host(), self.token.expose_secret()),
            Err(failure) => Reply::Retry { why: failure.message, after: None },
        }
    }

    /// Once in a run, whatever comes of it.
    fn refresh(&mut self, door: &Door) -> Result<()> {
        self.refreshed = true;
        self.kept = None;
        let answer = door.post("collectors/refresh-token", &[JSON], Some(&self.token), b"{}")?;
        ensure!((200..=299).contains(&answer.status), "answered {}", answer.status);
        let reply: Option<TokenReply> = serde_json::from_slice(&answer.body).ok();
        let token = reply.map(|r| r.token.trim().to_owned()).filter(|token| token::fits(token));
        self.token = token.context("the answer holds no token")?.into();
        log::info!("Token refreshed successfully");
        let kept = token::keep(&self.backend, &self.token).map_err(|e| {
            format!(
                "the refreshed auth token cannot be stored and serves one run only: {e:#}; \
                 make its directory writable to this user before the old one expires"
            )
        });
        self.kept = Some(kept.inspect_err(|why| log::warn!("{why}")));
        Ok(())
    }
}
