//! Why a server, or one database of it, did not let us in.
//!
//! Turns the driver's errors into what the rest decides on: the kind, the SQLSTATE, whom it concerns, and one
//! sentence that says what to do. Holds the server's own primary message, never its detail, never a secret.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::IpAddr;

use postgres::error::DbError;

use crate::trust;

mod advice;

#[cfg(test)]
mod tests;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nobody listens, no way there, or the connection was cut before an answer.
    Refused,
    /// No TCP connection within the time allowed.
    Timeout,
    /// The name has no address.
    Resolve,
    /// Certificates, or a server without TLS; also our own certificate files.
    Tls,
    /// 28xxx, and what the driver could not do to authenticate.
    Auth,
    /// 53300
    TooManyConnections,
    /// 57P03: starting up, in recovery, shutting down.
    CannotConnectNow,
    /// 57P01, 57P02
    ShuttingDown,
    /// 3D000
    NoDatabase,
    /// 42501
    NoConnectPrivilege,
    /// 55000: the database takes no connections, or is broken.
    NotAccepting,
    Other,
}

/// Whom a refusal concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// No other database of the server is worth trying in this run.
    Server,
    Database,
}

#[derive(Clone, Debug)]
pub struct Refusal {
    pub kind: Kind,
    pub sqlstate: Option<String>,
    /// One sentence: where, what, and what to do next.
    pub message: String,
    scope: Scope,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Refusal {}

/// What was being connected to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) address: Option<IpAddr>,
    pub(super) user: &'a str,
    pub(super) database: &'a str,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { host, port, address, .. } = self;
        match address {
            _ if host.starts_with('/') => write!(f, "{host}/.s.PGSQL.{port}"),
            Some(address) if address.to_string() != *host => write!(f, "{host}:{port} ({address})"),
            _ if host.contains(':') => write!(f, "[{host}]:{port}"),
            _ => write!(f, "{host}:{port}"),
        }
    }
}

impl Refusal {
    /// Of the probe's first connection any refusal is the server's: nothing else is known to work. Later ones:
    /// `Auth` is a database's where pg_hba.conf decided, as its lines go by database.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    pub(super) fn tls(why: String) -> Refusal {
        Refusal::new(Kind::Tls, why)
    }

    pub(super) fn other(why: String) -> Refusal {
        Refusal::new(Kind::Other, why)
    }

    pub(super) fn resolve(place: &Place, why: &str) -> Refusal {
        let Place { host, .. } = place;
        Refusal::new(Kind::Resolve, format!("{host}: {why}: check host and this machine's name resolution"))
    }

    pub(super) fn lost() -> Refusal {
        Refusal::new(Kind::Other, "the connection was gone before it was used".to_owned())
    }

    pub(super) fn out_of_time(place: &Place) -> Refusal {
        Refusal::new(
            Kind::Timeout,
            format!("{place}: no time was left in this run to connect: raise run_timeout"),
        )
    }

    pub(super) fn of(error: &postgres::Error, place: &Place) -> Refusal {
        match error.as_db_error() {
            Some(said) => by_server(said, place),
            None => by_driver(error, place),
        }
    }

    fn new(kind: Kind, message: String) -> Refusal {
        Refusal { kind, sqlstate: None, message, scope: Scope::Server }
    }

    /// A host that cannot be reached, or is not ready, says nothing about the next one in the list.
    pub(super) fn is_worth_another_host(&self) -> bool {
        matches!(self.kind, Kind::Resolve | Kind::CannotConnectNow | Kind::ShuttingDown)
            || self.is_unreachable()
    }

    pub(super) fn is_unreachable(&self) -> bool {
        matches!(self.kind, Kind::Refused | Kind::Timeout)
    }

    pub(super) fn is_tls(&self) -> bool {
        self.kind == Kind::Tls
    }

    pub(super) fn may_be_due_to_tls(&self) -> bool {
        self.is_tls() || (self.kind == Kind::Auth && self.scope == Scope::Database)
    }
}

fn by_server(said: &DbError, place: &Place) -> Refusal {
    let code = said.code().code();
    let (kind, scope) = classify(code, said.routine());
    let advice = advice::of_server(kind, scope, code, place);
    let message = format!("{place}: {} ({code}): {advice}", said.message());
    Refusal { kind, sqlstate: Some(code.to_owned()), message, scope }
}

/// The routine tells apart what shares a code: texts are translated, routines are not.
fn classify(code: &str, routine: Option<&str>) -> (Kind, Scope) {
    match (code, routine) {
        ("28000", Some("ClientAuthentication")) => (Kind::Auth, Scope::Database),
        (_, _) if code.starts_with("28") => (Kind::Auth, Scope::Server),
        ("53300", Some("CheckMyDatabase")) => (Kind::TooManyConnections, Scope::Database),
        ("53300", _) => (Kind::TooManyConnections, Scope::Server),
        ("57P03", _) => (Kind::CannotConnectNow, Scope::Server),
        ("57P01" | "57P02", _) => (Kind::ShuttingDown, Scope::Server),
        ("3D000", _) => (Kind::NoDatabase, Scope::Database),
        ("42501", _) => (Kind::NoConnectPrivilege, Scope::Database),
        ("55000", _) => (Kind::NotAccepting, Scope::Database),
        // out of memory, disk, or sockets
        (_, _) if code.starts_with("53") => (Kind::Other, Scope::Server),
        (_, _) => (Kind::Other, Scope::Database),
    }
}

fn by_driver(error: &postgres::Error, place: &Place) -> Refusal {
    // The driver keeps the kind of an error to itself and shows it in its text alone.
    let what = error.to_string();
    let why = error.source().map(|source| source.to_string()).unwrap_or_default();
    if what == "error performing TLS handshake" || rustls_error(error).is_some() {
        let advice = advice::of_tls(rustls_error(error), &why);
        let why = rustls_error(error).map_or(why, trust::explain);
        return Refusal::tls(format!("{place}: no TLS connection: {why}: {advice}"));
    }
    let found = cause::<io::Error>(error).map(io::Error::kind);
    let (kind, advice) = match (what.as_str(), found) {
        ("invalid configuration", _) if why == "password missing" => (Kind::Auth, advice::NO_PASSWORD),
        ("authentication error", _) => (Kind::Auth, advice::METHOD),
        ("connection closed", _) => (Kind::Refused, advice::CUT),
        (_, Some(ErrorKind::TimedOut)) => (Kind::Timeout, advice::TIMEOUT),
        (_, Some(found)) => of_socket(found),
        (_, None) => (Kind::Other, advice::UNKNOWN),
    };
    let separator = if why.is_empty() { "" } else { ": " };
    Refusal::new(kind, format!("{place}: {what}{separator}{why}: {advice}"))
}

fn of_socket(found: ErrorKind) -> (Kind, &'static str) {
    match found {
        ErrorKind::ConnectionRefused | ErrorKind::NotFound => (Kind::Refused, advice::NOBODY),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable => {
            (Kind::Refused, advice::UNREACHABLE)
        }
        ErrorKind::PermissionDenied => (Kind::Refused, advice::FORBIDDEN),
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => (Kind::Refused, advice::CUT),
        _ => (Kind::Other, advice::UNKNOWN),
    }
}

/// tokio-rustls wraps what rustls says in an I/O error, whose own `source` skips it.
fn rustls_error(error: &postgres::Error) -> Option<&rustls::Error> {
    cause::<io::Error>(error)?.get_ref()?.downcast_ref()
}

fn cause<T: Error + 'static>(error: &postgres::Error) -> Option<&T> {
    let mut next = error.source();
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref() {
            return Some(found);
        }
        next = current.source();
    }
    None
}
