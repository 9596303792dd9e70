//! The key of hashed names: 32 random bytes in `privacy.key` of the state directory, mode 0600, as hexadecimal digits, so
//! that it can be copied to hosts that are to hash alike.
//!
//! Made when it is first needed, written beside and renamed, and synced: what was hashed with a key that a power cut
//! took would never be found again. A file that holds something else is not replaced: that is a person's to decide.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::state::{Durability, read_text, write_atomic};

pub const KEY_FILE: &str = "privacy.key";
const BYTES: usize = 32;

/// Never shown: no Debug.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// The key of this host, made where there is none.
    pub fn of(state_dir: &Path) -> Result<Key> {
        let path = state_dir.join(KEY_FILE);
        match read(&path)? {
            Some(bytes) => Ok(Key::from_bytes(&bytes)),
            None => {
                let bytes = random()?;
                let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                write_atomic(&path, format!("{text}\n").as_bytes(), 0o600, Durability::Synced).with_context(
                    || {
                        format!(
                            "making the key that [privacy] hashes with, {}: names hashed with another key each run could not \
                             be told apart, so nothing is collected until it can be written",
                            path.display()
                        )
                    },
                )?;
                Ok(Key::from_bytes(&bytes))
            }
        }
    }

    /// For those who change nothing: where there is no key yet, one that serves this once, and `false`.
    pub fn peek(state_dir: &Path) -> Result<(Key, bool)> {
        match read(&state_dir.join(KEY_FILE))? {
            Some(bytes) => Ok((Key::from_bytes(&bytes), true)),
            None => Ok((Key::passing()?, false)),
        }
    }

    /// Kept nowhere.
    pub fn passing() -> Result<Key> {
        Ok(Key::from_bytes(&random()?))
    }

    pub(super) fn from_bytes(bytes: &[u8; BYTES]) -> Key {
        Key(Hmac::new_from_slice(bytes).expect("a key of any length will do"))
    }

    /// The same for the same text, wherever it stands; `kind` begins it, and keeps kinds apart.
    pub fn hash(&self, kind: &str, text: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(kind.as_bytes());
        mac.update(text.as_bytes());
        let digest = mac.finalize().into_bytes();
        // 64 bits of it: two of a million names are one with a chance of one in thirty million.
        let short = digest.iter().take(8).fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
        format!("{kind}{short:016x}")
    }
}

fn read(path: &Path) -> Result<Option<[u8; BYTES]>> {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => {
            return Err(e).with_context(|| {
                format!("reading the key that [privacy] hashes with, {}; it must be readable", path.display())
            });
        }
    };
    match bytes(text.trim()) {
        Some(bytes) => Ok(Some(bytes)),
        None => bail!(
            "{} must hold {} hexadecimal digits: put the key back, or remove the file for a new one (every hashed name \
             then changes)",
            path.display(),
            2 * BYTES
        ),
    }
}

fn bytes(text: &str) -> Option<[u8; BYTES]> {
    let digits = text.len() == 2 * BYTES && text.bytes().all(|b| b.is_ascii_hexdigit());
    let mut bytes = [0; BYTES];
    for (n, byte) in bytes.iter_mut().enumerate().filter(|_| digits) {
        *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).ok()?;
    }
    digits.then_some(bytes)
}

fn random() -> Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    let mut filled = 0;
    while filled < BYTES {
        let flags = rustix::rand::GetRandomFlags::empty();
        filled +=
            rustix::rand::getrandom(&mut bytes[filled..], flags).context("asking the kernel for a key")?;
    }
    Ok(bytes)
}
