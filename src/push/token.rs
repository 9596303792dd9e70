//! The collector's token: where it is found, where a new one goes, and how much of its life is over.
//!
//! A new one takes the old one's place. Where that cannot be written (a directory of root's), it is kept in the state
//! directory, and from then on the newer of the two counts: the one that was issued later, as both say of themselves, or,
//! where one of them does not, the one whose file was written later.
//!
//! What a token says of itself is read and never verified: that is for the backend. One that is no JWT, or says
//! nonsense, has no life to tell of, and serves until it is rejected. No token is ever told to anybody.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::config::{self, Backend, Token};
use crate::state::{self, Durability, give_to_owner, write_atomic};

/// The token that is to be shown, and where it was found.
pub(crate) fn find(backend: &Backend) -> Result<(SecretString, String)> {
    match &backend.token {
        Token::Inline { token, from, .. } => Ok((token.clone(), from.clone())),
        Token::File(path) | Token::Stored(path) => {
            let (path, text) = lies(backend, path);
            Ok((read(path, text)?, path.display().to_string()))
        }
    }
}

/// The newest, and its path. An operator may name a link to where secrets are kept; what lies in the state directory is a
/// file.
fn lies<'a>(backend: &'a Backend, path: &'a Path) -> (&'a Path, io::Result<String>) {
    if let Token::Stored(_) = backend.token {
        return (path, state::read_text(path));
    }
    let named = fs::read_to_string(path);
    let kept = state::read_text(&backend.kept).ok().filter(|kept| fits(kept.trim()));
    match kept {
        Some(kept) if is_newer((&kept, &backend.kept), (named.as_deref().ok(), path)) => {
            (&backend.kept, Ok(kept))
        }
        _ => (path, named),
    }
}

fn is_newer((kept, place): (&str, &Path), (named, path): (Option<&str>, &Path)) -> bool {
    let now = jiff::Timestamp::now().as_second();
    let issued = |text: &str| Life::of(&text.trim().into(), now).map(|life| life.iat);
    match (issued(kept), named.map(issued)) {
        (_, None) => true,
        (Some(kept), Some(Some(named))) => kept > named,
        _ => config::is_newer(place, path),
    }
}

fn read(path: &Path, text: io::Result<String>) -> Result<SecretString> {
    let next =
        "run pganalytics register, put the collector's token there, or give [backend] token or BACKEND_TOKEN";
    let text = text.with_context(|| format!("reading the auth token {}; {next}", path.display()))?;
    let token = text.trim();
    ensure!(!token.is_empty(), "the auth token {} is empty; {next}", path.display());
    Ok(token.into())
}

/// The same for who can do without: what is not there, or could never be shown, is none.
pub(crate) fn any(backend: &Backend) -> Result<Option<SecretString>> {
    let token = match &backend.token {
        Token::Inline { token, .. } => token.clone(),
        Token::File(path) | Token::Stored(path) => match lies(backend, path) {
            (_, Ok(text)) => text.trim().into(),
            (_, Err(e)) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            (_, Err(e)) => {
                return Err(e).with_context(|| format!("reading the auth token {}", path.display()));
            }
        },
    };
    Ok(fits(token.expose_secret()).then_some(token))
}

/// Stores a refreshed one where the next run finds it.
pub(crate) fn keep(backend: &Backend, token: &SecretString) -> Result<()> {
    let (place, kept) = (place(backend), backend.kept.as_path());
    match store(place, token) {
        Ok(()) => {
            // It may lie in a directory of root's; it is the owner of the state that runs with it.
            give_to_owner(place, kept.parent().unwrap_or(kept));
            Ok(())
        }
        Err(e) if place == kept => Err(e).with_context(|| format!("writing {}", place.display())),
        Err(e) => {
            store(kept, token)
                .with_context(|| format!("writing {} ({e}), and then {}", place.display(), kept.display()))?;
            log::warn!(
                "{} cannot be written ({e}): the refreshed token is kept as {}, where each run looks too",
                place.display(),
                kept.display()
            );
            Ok(())
        }
    }
}

/// Where a new one is stored.
pub(crate) fn place(backend: &Backend) -> &Path {
    match &backend.token {
        Token::Inline { refreshed: stored, .. } | Token::File(stored) | Token::Stored(stored) => stored,
    }
}

/// Whether the next run would use one that is stored.
pub(crate) fn can_be_replaced(backend: &Backend) -> bool {
    !matches!(backend.token, Token::Inline { from_environment: true, .. })
}

/// On disk before this returns, for its owner alone.
pub(crate) fn store(path: &Path, token: &SecretString) -> io::Result<()> {
    let line = format!("{}\n", token.expose_secret());
    write_atomic(path, line.as_bytes(), 0o600, Durability::Synced)
}

/// Whether a header can carry it: one that cannot must not take the place of one that can.
pub(crate) fn fits(token: &str) -> bool {
    !token.is_empty() && token.chars().all(|c| c.is_ascii_graphic())
}

/// From when to when a token says that it is good, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Life {
    iat: f64,
    exp: f64,
}

#[derive(Deserialize)]
struct Claims {
    iat: f64,
    exp: f64,
}

impl Life {
    /// `None`: it is no JWT, or one that ends before it begins, or begins later than it lasts from now.
    pub(crate) fn of(token: &SecretString, now: i64) -> Option<Life> {
        let mut parts = token.expose_secret().split('.');
        let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
        let Claims { iat, exp } = serde_json::from_slice(&payload).ok()?;
        let sane = exp > iat && iat - now as f64 <= exp - iat;
        sane.then_some(Life { iat, exp })
    }

    pub(crate) fn is_past_half(self, now: i64) -> bool {
        now as f64 - self.iat > (self.exp - self.iat) / 2.0
    }

    /// Seconds until it ends; below zero it has ended.
    pub(crate) fn left_s(self, now: i64) -> i64 {
        (self.exp - now as f64) as i64
    }
}

#[cfg(test)]
mod tests;
