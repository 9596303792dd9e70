//! Why a request had no answer: a kind to decide by, and one sentence for a person, without the token.

use std::fmt;
use std::io::{self, ErrorKind};

use rustls::CertificateError;
use ureq::http::Uri;
use ureq::{Error, Timeout};

use crate::trust;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Resolve,
    /// No connection to the backend, or none through the proxy.
    Connect,
    Tls,
    Timeout,
    /// The connection was cut, with the request perhaps already taken in.
    Reset,
    Other,
}

#[derive(Clone, Debug)]
pub struct Failure {
    pub kind: Kind,
    /// One sentence: where, what, and what to do next.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    pub(super) fn of(error: &Error, url: &str) -> Failure {
        let (kind, advice) = classify(error);
        let what = match error {
            Error::Io(why) => rustls_error(why).map_or_else(|| why.to_string(), trust::explain),
            Error::Rustls(why) => trust::explain(why),
            Error::Timeout(phase) => format!("out of time ({phase})"),
            other => other.to_string(),
        };
        Failure::new(kind, url, &format!("{what}: {advice}"))
    }

    pub(super) fn token(url: &str) -> Failure {
        Failure::new(
            Kind::Other,
            url,
            "the token holds characters that no header may: register again, or mend token_file",
        )
    }

    /// Host and port only: the rest of a URL may hold what should not be told.
    fn new(kind: Kind, url: &str, what: &str) -> Failure {
        let place = match url.parse::<Uri>() {
            Ok(uri) => match (uri.host(), uri.port_u16()) {
                (Some(host), Some(port)) => format!("{host}:{port}"),
                (host, _) => host.unwrap_or("the backend").to_owned(),
            },
            Err(_) => "the backend".to_owned(),
        };
        Failure { kind, message: format!("{place}: {what}") }
    }
}

fn classify(error: &Error) -> (Kind, &'static str) {
    match error {
        Error::HostNotFound => (Kind::Resolve, RESOLVE),
        Error::Timeout(Timeout::Resolve) => (Kind::Timeout, RESOLVE),
        Error::Timeout(Timeout::Connect) => {
            (Kind::Timeout, "check the URL, firewalls, and whether a proxy is needed")
        }
        Error::Timeout(_) => {
            (Kind::Timeout, "the backend or the way to it is slow: see its log, or raise timeout")
        }
        Error::Rustls(why) => (Kind::Tls, of_tls(why)),
        Error::Tls(_) | Error::TlsRequired | Error::Pem(_) => (Kind::Tls, TLS),
        Error::ConnectProxyFailed(_) => {
            (Kind::Connect, "check [backend] proxy or the environment's, and what it allows")
        }
        Error::ConnectionFailed => (Kind::Connect, CONNECT),
        Error::Io(why) => of_io(why),
        Error::BadUri(_) | Error::Http(_) => (Kind::Other, "check [backend] url"),
        _ => (Kind::Other, "check that this is the backend's URL, and see its log"),
    }
}

const RESOLVE: &str = "check the host in [backend] url, and this machine's name resolution";
const CONNECT: &str = "check that the backend runs and listens there, and the URL";
const TLS: &str = "check that the URL's port speaks TLS, and the [tls] section";

fn of_io(why: &io::Error) -> (Kind, &'static str) {
    if let Some(why) = rustls_error(why) {
        return (Kind::Tls, of_tls(why));
    }
    match why.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::AddrNotAvailable => (Kind::Connect, CONNECT),
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof
        | ErrorKind::NotConnected => (Kind::Reset, "see the log of the backend, or of what stands before it"),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => (Kind::Timeout, "check the way to the backend"),
        // the standard library gives a failed look-up no kind of its own
        _ if why.to_string().starts_with("failed to lookup address") => (Kind::Resolve, RESOLVE),
        _ => (Kind::Other, "see this machine's log"),
    }
}

fn rustls_error(why: &io::Error) -> Option<&rustls::Error> {
    why.get_ref()?.downcast_ref()
}

fn of_tls(why: &rustls::Error) -> &'static str {
    match why {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::UnknownIssuer => {
                "point [tls] ca_file at the CA that signed the backend's certificate"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "use a host in [backend] url that the certificate holds, or reissue it with a subjectAltName"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "renew the backend's certificate"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "check this machine's clock"
            }
            _ => {
                "have the CA of ca_file sign a certificate of X.509 v3 for the backend, \
                 or make a self-signed one ca_file"
            }
        },
        rustls::Error::AlertReceived(_) => "the backend broke off: check [tls] cert_file and key_file",
        _ => TLS,
    }
}
