//! Passwords: argon2id, on threads of their own, few at a time, as each takes 19 MiB and a good part of a second's core.
//!
//! Nobody learns from the time whether a name is known: for an unknown one a hash that fits nothing is computed.

use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result, anyhow};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::ingest::Fault;

const AT_ONCE: usize = 2;
pub const LEAST: usize = 12;
pub const MOST: usize = 1024;

#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords { turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

/// Of no password at all.
static NOBODY: LazyLock<Option<String>> =
    LazyLock::new(|| hash(&SecretString::from("nobody".repeat(8))).ok());

/// Long enough to be worth its hash; no other rule makes passwords better.
pub fn fit(password: &SecretString) -> Result<(), Fault> {
    match password.expose_secret().len() {
        LEAST..=MOST => Ok(()),
        _ => Err(Fault::new("password", format!("must be {LEAST} to {MOST} bytes long"))),
    }
}

/// In the PHC format: with its parameters and salt.
pub fn hash(password: &SecretString) -> Result<String> {
    let hash: PasswordHash = Argon2::default()
        .hash_password(password.expose_secret().as_bytes())
        .map_err(|e| anyhow!("hashing a password: {e}"))?;
    Ok(hash.to_string())
}

fn matches(password: &SecretString, stored: &str) -> bool {
    PasswordHash::new(stored).is_ok_and(|hash| {
        Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok()
    })
}

impl Passwords {
    /// Whether it is the password of this hash; without one it is not, and takes as long.
    pub async fn verify(&self, password: SecretString, stored: Option<String>) -> Result<bool> {
        self.aside(move || {
            let known = stored.is_some();
            let against = stored.or_else(|| NOBODY.clone()).unwrap_or_default();
            matches(&password, &against) && known
        })
        .await
    }

    pub async fn hash(&self, password: SecretString) -> Result<String> {
        self.aside(move || hash(&password)).await?
    }

    async fn aside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let turn = self.turns.clone().acquire_owned().await.context("waiting for a turn")?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.context("working on a password")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_argon2id_with_a_salt_of_its_own() {
        let password = SecretString::from("correct horse battery");
        let (one, other) = (hash(&password).unwrap(), hash(&password).unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, other);
        assert!(matches(&password, &one) && matches(&password, &other));
        assert!(!matches(&SecretString::from("correct horse batterz"), &one));
        assert!(!matches(&password, "") && !matches(&password, NOBODY.as_ref().unwrap()));
    }

    #[test]
    fn length_is_the_only_rule() {
        for (length, expected) in [(0, false), (11, false), (12, true), (1024, true), (1025, false)] {
            assert_eq!(fit(&"x".repeat(length).into()).is_ok(), expected, "{length}");
        }
    }
}
