//! One connection to one database of one server, or the reason why there is none.
//!
//! Bounds the TCP connect of each address by the server's `connect_timeout` and the run's deadline, and nothing
//! else: name resolution, and a server that accepts and then stays silent, cannot be interrupted from here. The
//! caller must never wait for this function without a deadline of its own.

use std::net::{IpAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use postgres::config::{Config, SslMode as Wire, TargetSessionAttrs};
use postgres::{CancelToken, Client, NoTls};
use r2d2::ManageConnection;
use r2d2_postgres::PostgresConnectionManager;
use secrecy::ExposeSecret;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::progress::{Progress, Stage};
use super::refusal::{Place, Refusal};
use super::tls::Connector;
use crate::config::{Server, SslMode};

#[cfg(test)]
mod tests;

const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
/// Sent bytes that nobody acknowledges for so long mean that the peer is gone.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(20);

pub struct Connection {
    pub client: Client,
    tls: Option<MakeRustlsConnect>,
}

impl Connection {
    /// To stop from another thread what this connection runs.
    pub fn canceller(&self) -> Canceller {
        Canceller { token: self.client.cancel_token(), tls: self.tls.clone() }
    }
}

/// Outlives the connection and goes to other threads.
#[derive(Clone)]
pub struct Canceller {
    token: CancelToken,
    tls: Option<MakeRustlsConnect>,
}

impl Canceller {
    /// Asks the server to cancel, over a connection of its own. Its TCP connect is bounded as the connection's
    /// was, its TLS handshake is not bounded at all: call it from a thread that nobody waits for.
    pub fn cancel(&self) -> Result<()> {
        match &self.tls {
            Some(tls) => self.token.cancel_query(tls.clone()),
            None => self.token.cancel_query(NoTls),
        }
        .context("asking the server to cancel a statement")
    }
}

/// Tries the server's hosts in order. Like libpq it goes on to the next one when a host cannot be reached or is
/// not ready, and stops at the first that answers with a refusal of its own.
pub fn connect(
    server: &Server,
    database: &str,
    deadline: Instant,
    progress: &Progress,
    connector: &Connector,
) -> Result<Connection, Refusal> {
    let tls = if server.hosts.iter().any(|(host, _)| !is_socket(host)) {
        connector.get(&server.ssl).map_err(|why| Refusal::tls(format!("server {}: {why:#}", server.name)))?
    } else {
        None
    };
    let attempt = Attempt { server, database, deadline, tls, progress };
    let mut last = Refusal::other(format!("no host is configured for server {}: set host", server.name));
    for (host, port) in &server.hosts {
        match attempt.host(host, *port) {
            Err(refusal) if refusal.is_worth_another_host() => last = refusal,
            result => return result,
        }
    }
    Err(last)
}

fn is_socket(host: &str) -> bool {
    host.starts_with('/')
}

struct Attempt<'a> {
    server: &'a Server,
    database: &'a str,
    deadline: Instant,
    tls: Option<MakeRustlsConnect>,
    progress: &'a Progress,
}

impl Attempt<'_> {
    fn host(&self, host: &str, port: u16) -> Result<Connection, Refusal> {
        let mut place = Place { host, port, address: None, user: &self.server.user, database: self.database };
        if is_socket(host) {
            return self.open(&place, None);
        }
        // Resolved here rather than in the driver: each address then gets its share of the time that is left, and
        // a refused login is not repeated at the next address of the same server.
        self.progress.reach(Stage::Resolving);
        let addresses = resolve(host, port).map_err(|why| Refusal::resolve(&place, &why))?;
        let mut last = None;
        for address in addresses {
            place.address = Some(address);
            match self.encrypted_or_not(&place) {
                Err(refusal) if refusal.is_unreachable() => last = Some(refusal),
                result => return result,
            }
        }
        place.address = None;
        Err(last.unwrap_or_else(|| Refusal::resolve(&place, "the name has no address")))
    }

    /// `prefer` means what it means to libpq: where TLS fails, or pg_hba.conf has no line for it, plain will do.
    fn encrypted_or_not(&self, place: &Place) -> Result<Connection, Refusal> {
        match self.open(place, self.tls.as_ref()) {
            Err(first) if self.server.ssl.mode == SslMode::Prefer && first.may_be_due_to_tls() => {
                self.open(place, None).map_err(|second| if first.is_tls() { second } else { first })
            }
            result => result,
        }
    }

    fn open(&self, place: &Place, tls: Option<&MakeRustlsConnect>) -> Result<Connection, Refusal> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Refusal::out_of_time(place));
        }
        let config = self.settings(place, left, tls.is_some());
        self.progress.reach(Stage::Connecting);
        let opened = match tls {
            Some(tls) => PostgresConnectionManager::new(config, tls.clone()).connect(),
            None => PostgresConnectionManager::new(config, NoTls).connect(),
        };
        match opened {
            Ok(client) => Ok(Connection { client, tls: tls.cloned() }),
            Err(error) => Err(Refusal::of(&error, place)),
        }
    }

    /// No `options`: poolers refuse a connection that brings them.
    fn settings(&self, place: &Place, left: Duration, encrypt: bool) -> Config {
        let timeout = match self.server.connect_timeout {
            Duration::ZERO => left,
            configured => configured.min(left),
        };
        let mut config = Config::new();
        config
            .host(place.host)
            .port(place.port)
            .user(&self.server.user)
            .dbname(self.database)
            .application_name("pganalytics")
            .connect_timeout(timeout)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES)
            .tcp_user_timeout(TCP_USER_TIMEOUT)
            .target_session_attrs(TargetSessionAttrs::Any)
            // The driver would log them all: from 15 on, one for each database whose collation has moved.
            .notice_callback(|_| ())
            .ssl_mode(match (encrypt, self.server.ssl.mode) {
                (false, _) => Wire::Disable,
                (true, SslMode::Prefer) => Wire::Prefer,
                (true, _) => Wire::Require,
            });
        if let Some(address) = place.address {
            config.hostaddr(address);
        }
        if let Some(password) = self.server.password_for(place.host, place.port, self.database) {
            config.password(password.expose_secret());
        }
        config
    }
}

fn resolve(host: &str, port: u16) -> Result<Vec<IpAddr>, String> {
    let mut addresses = Vec::new();
    for found in (host, port).to_socket_addrs().map_err(|why| why.to_string())? {
        if !addresses.contains(&found.ip()) {
            addresses.push(found.ip());
        }
    }
    Ok(addresses)
}
