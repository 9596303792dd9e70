//! `register`: introduces this collector to its backend, and keeps the id and the token that it is given.
//!
//! Refuses to ask before it has the run's lock and has proved that both files can be written, as the backend gives a
//! name once: a token that nobody could keep costs an admin's help. Refuses to tell a secret, whatever the backend says.
//!
//! Crash argument: the token is stored first. With it alone this command runs again, shows it and gets the same id; an
//! id without its token would be a name that is taken. Until then batches go under the name from before, which tells
//! the backend nothing else. A crash before the token is stored, or an answer that is lost on the way, is the case in
//! which an admin has to allow the name once more; whoever registers again has a token still, and needs nobody.

mod answer;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use secrecy::{ExposeSecret, SecretString};
use wire::{REGISTRATION_SECRET_HEADER, Register};

use crate::config::{self, Config, ID_FILE, Target, Token};
use crate::exit::Exit;
use crate::http::{Door, JSON, Kind};
use crate::push::token;
use crate::state::{Durability, Locked, StateDir, give_to_owner, write_atomic};
use crate::version;
use answer::{Hidden, Identity};

pub fn register(config: &Config, secret_file: Option<&Path>) -> Result<Exit> {
    let Target::Http(base) = &config.backend.target else {
        let url = &config.backend.url;
        bail!(
            "there is nothing to register with at {url}: [backend] url must be that of a backend, https://host[:port]"
        );
    };
    let secret = config::registration_secret(secret_file)?;
    let state = StateDir::open(&config.run.state_dir)?;
    let _lock = match state.lock()? {
        Locked::Mine(lock) => lock,
        Locked::Busy(who) => return super::busy(&who),
    };
    let keep = Keep::new(config, &state);
    keep.rehearse()?;
    if base.starts_with("http://") {
        say("warning: http:// : the registration secret and the token travel unencrypted");
    }
    let made = ask(config, &secret).and_then(|new| keep.store(&new).map(|()| new));
    match made {
        Ok(new) => {
            welcome(&new)?;
            what_wins(config, &new.id);
            Ok(Exit::Ok)
        }
        Err(why) => {
            say(&format!("pganalytics: {why:#}"));
            Ok(Exit::Degraded)
        }
    }
}

fn ask(config: &Config, secret: &SecretString) -> Result<Identity> {
    let old = token::any(&config.backend)?;
    let hidden = Hidden([Some(secret), old.as_ref()].into_iter().flatten().cloned().collect());
    let door = Door::open(&config.backend, Instant::now() + config.backend.timeout)?;
    let who = &config.collector;
    let body = serde_json::to_vec(&Register {
        name: who.name.clone(),
        hostname: who.hostname.clone(),
        address: who.address.clone(),
        version: Some(version::SHORT.to_owned()),
    })?;
    let headers = [JSON, (REGISTRATION_SECRET_HEADER, secret.expose_secret())];
    match door.post("collectors/register", &headers, old.as_ref(), &body) {
        Ok(answer) => answer::read(&answer, &who.name, door.host(), &hidden),
        Err(failure) => {
            let why = hidden.plain(&failure.message);
            match failure.kind {
                Kind::Timeout | Kind::Reset => bail!(
                    "registering with {why}; it may have been taken in all the same: if the next try is told that the name is taken, an admin of the backend has to allow it once more"
                ),
                _ => bail!("registering with {why}"),
            }
        }
    }
}

/// The two files, and whose they are to be.
struct Keep {
    token: PathBuf,
    id: PathBuf,
    state: PathBuf,
}

impl Keep {
    fn new(config: &Config, state: &StateDir) -> Keep {
        Keep {
            token: token::place(&config.backend).to_owned(),
            id: state.root().join(ID_FILE),
            state: state.root().to_owned(),
        }
    }

    /// Room, rights and a disk that takes writes: found out beside each of the two.
    fn rehearse(&self) -> Result<()> {
        for path in [&self.token, &self.id] {
            let trial = path.with_file_name("register.trial");
            write_atomic(&trial, &[b'\n'; 4096], 0o600, Durability::Synced)
                .and_then(|()| std::fs::remove_file(&trial))
                .with_context(|| {
                    format!(
                        "trying to write beside {}; nothing was asked of the backend yet: its directory must be writable to this user",
                        path.display()
                    )
                })?;
        }
        Ok(())
    }

    fn store(&self, new: &Identity) -> Result<()> {
        let (token, id) = (self.token.display(), self.id.display());
        token::store(&self.token, &new.token).with_context(|| {
            format!(
                "the backend has registered this collector as {}, but storing its token as {token} failed; mend that and register again, which an admin of the backend may have to allow",
                new.id
            )
        })?;
        // The token may lie in a directory of root's; it is the owner of the state that runs with it.
        give_to_owner(&self.token, &self.state);
        write_atomic(&self.id, format!("{}\n", new.id).as_bytes(), 0o600, Durability::Synced).with_context(
            || {
                format!(
                    "the token is stored as {token}, but storing the id {} as {id} failed; mend that and register again",
                    new.id
                )
            },
        )
    }
}

fn welcome(new: &Identity) -> Result<()> {
    let until = new.until.map_or("stored".to_owned(), |until| format!("valid until {until}"));
    let mut out = io::stdout().lock();
    writeln!(out, "Registered as {} (token {until})", new.id)?;
    writeln!(out, "Next: pganalytics check, and a first pganalytics cron")?;
    Ok(())
}

/// What the next run will go by, asked of the same rules as the next run's.
fn what_wins(before: &Config, id: &str) {
    let Ok(config::Loaded { config: next, .. }) = config::load(Some(&before.path)) else { return };
    match (&before.collector.id, &next.collector.id) {
        (_, Some(next)) if next != id => {
            say(&format!("warning: COLLECTOR_ID gives {next}, which wins over the stored id: take it out"));
        }
        (Some(before), _) if before != id => {
            say(&format!("note: it went by {before} before; the stored id wins over [collector] id"));
        }
        _ => {}
    }
    match (&before.backend.token, &next.backend.token) {
        (_, Token::Inline { from, .. }) => {
            say(&format!("warning: the token given in {from} wins over the stored one: take it out"));
        }
        (Token::Inline { from, .. }, _) => say(&format!(
            "warning: the token given in {from} is older than the stored one and no longer used: take it out, as it wins again when that file changes"
        )),
        _ => {}
    }
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
