//! The first look at a server in a run: which database lets us in, and what the server says of itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use wire::{Outcome, Reason};

use crate::collect::cancel::Cancels;
use crate::collect::registry;
use crate::config::{self, Databases};
use crate::pg::connect::Connection;
use crate::pg::pool::{Held, Pool};
use crate::pg::probe::{self, Facts};
use crate::pg::progress::Progress;
use crate::pg::refusal::{Kind, Refusal, Scope};
use crate::pg::session::{Limits, Missing, Spent};

/// What a look stands on.
pub(super) struct Spot {
    pub(super) pool: Pool,
    pub(super) spent: Arc<Spent>,
    pub(super) deadline: Instant,
    pub(super) progress: Arc<Progress>,
    pub(super) cancels: Cancels,
    /// First in line, where it is watched still.
    pub(super) looks_from: Option<String>,
    /// Columns that this server lacked or refused to the probe before.
    pub(super) missing: Missing,
}

/// Tries the watched databases in turn until one lets us look: one that is closed must not hide the others.
pub(super) fn look(
    server: &config::Server,
    spot: &Spot,
    opened: &mut Vec<Duration>,
) -> Result<(Facts, Held), Box<Outcome>> {
    let mut first = None;
    let mut candidates = candidates(server, spot.looks_from.as_ref());
    while let Some(database) = candidates.pop_front() {
        let mut held =
            spot.pool.get().map_err(|e| Box::new(Outcome::failed(Reason::Other).detail(e.to_string())))?;
        let started = Instant::now();
        let looked = match held.open(server, &database, spot.deadline, &spot.progress) {
            Err(refusal) if is_whole(&refusal) => return Err(Box::new(refused(&refusal))),
            Err(refusal) => {
                if refusal.kind == Kind::Auth && refusal.scope() == Scope::Server {
                    // The same password is wrong in every database: asked again it might lock the role.
                    candidates.retain(|other| !same_password(server, &database, other));
                }
                Err(Box::new(refused(&refusal)))
            }
            Ok(connection) => {
                opened.push(started.elapsed());
                ask(server, spot, connection)
            }
        };
        match looked {
            Ok(facts) => return Ok((facts, held)),
            // Later ones are only tried in its stead.
            Err(outcome) => drop(first.get_or_insert(outcome)),
        }
    }
    Err(first.unwrap_or_else(|| {
        Box::new(Outcome::failed(Reason::ServerRefused).detail("no database is named: set databases"))
    }))
}

fn ask(server: &config::Server, spot: &Spot, connection: &mut Connection) -> Result<Facts, Box<Outcome>> {
    let limits = Limits {
        statement_timeout: server.statement_timeout,
        lock_timeout: server.lock_timeout,
        deadline: spot.deadline,
        as_monitor: false,
    };
    let cancel = spot.cancels.register(connection.canceller());
    let probed = probe::probe(
        &mut connection.client,
        limits,
        spot.spent.clone(),
        &registry::wanted(),
        spot.missing.clone(),
    );
    spot.cancels.forget(cancel);
    probed.map_err(|failure| Box::new(failure.outcome()))
}

fn same_password(server: &config::Server, one: &str, other: &str) -> bool {
    let of =
        |host: &str, port, database| server.password_for(host, port, database).map(|p| p.expose_secret());
    server.hosts.iter().all(|(host, port)| of(host, *port, one) == of(host, *port, other))
}

fn candidates(server: &config::Server, looks_from: Option<&String>) -> VecDeque<String> {
    let mut names = match &server.databases {
        Databases::All => vec![server.database.clone(), "postgres".to_owned(), "template1".to_owned()],
        Databases::Named(names) => {
            names.iter().filter(|n| !server.exclude_databases.contains(n)).cloned().collect()
        }
    };
    let is_watched = |name: &&String| match &server.databases {
        Databases::All => !server.exclude_databases.contains(name),
        Databases::Named(_) => names.contains(name),
    };
    if let Some(first) = looks_from.filter(is_watched).cloned() {
        names.retain(|name| *name != first);
        names.insert(0, first);
    }
    names.dedup();
    names.into()
}

pub(super) fn is_whole(refusal: &Refusal) -> bool {
    refusal.scope() == Scope::Server && refusal.kind != Kind::Auth
}

pub(super) fn refused(refusal: &Refusal) -> Outcome {
    let outcome = Outcome::skipped(Reason::ServerRefused).detail(refusal.message.clone());
    Outcome { sqlstate: refusal.sqlstate.clone(), ..outcome }
}
