//! What to do next about each refusal: half a sentence for a person.

use rustls::{CertificateError, Error};

use super::{Kind, Place, Scope};

pub(super) const NO_PASSWORD: &str =
    "the server asks for one: set password or PG_PASSWORD, or add a passfile entry";
pub(super) const METHOD: &str =
    "check the password, and that pg_hba.conf asks for scram-sha-256, md5, password or cert";
pub(super) const CUT: &str =
    "the connection was cut before an answer: see the log of the server, or of what stands before it";
pub(super) const TIMEOUT: &str = "check host, port and firewalls, or raise connect_timeout";
pub(super) const NOBODY: &str = "check that PostgreSQL runs and listens there, and host and port";
pub(super) const UNREACHABLE: &str = "check host, routes and firewalls";
pub(super) const FORBIDDEN: &str = "check the permissions of the socket and its directory";
pub(super) const UNKNOWN: &str = "check that host and port are PostgreSQL's, and see its log";

pub(super) fn of_server(kind: Kind, scope: Scope, code: &str, place: &Place) -> String {
    let Place { user, database, .. } = place;
    match (kind, scope) {
        (Kind::Auth, Scope::Database) => {
            format!(
                "give user {user} a line for database {database} and this address in pg_hba.conf, \
                 or set sslcert and sslkey where its line asks for a certificate"
            )
        }
        (Kind::Auth, Scope::Server) if code == "28P01" => {
            "correct password, PG_PASSWORD or the passfile entry".to_owned()
        }
        (Kind::Auth, Scope::Server) => {
            "check that the role exists, may log in, and meets the method pg_hba.conf asks for".to_owned()
        }
        (Kind::TooManyConnections, Scope::Server) => {
            "free or raise max_connections or the role's connection limit; on 16 and later \
             grant pg_use_reserved_connections"
                .to_owned()
        }
        (Kind::TooManyConnections, Scope::Database) => {
            format!("raise the connection limit of database {database}")
        }
        (Kind::CannotConnectNow | Kind::ShuttingDown, _) => "the next run tries again".to_owned(),
        (Kind::NoDatabase, _) => "correct database or databases".to_owned(),
        (Kind::NoConnectPrivilege, _) => {
            format!("run: grant connect on database {} to {}", identifier(database), identifier(user))
        }
        (Kind::NotAccepting, _) => "allow connections there, or name it in exclude_databases".to_owned(),
        _ => "see the server's log".to_owned(),
    }
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) fn of_tls(error: Option<&Error>, why: &str) -> &'static str {
    match error {
        None if why == "server does not support TLS" => {
            "set ssl = on there, or sslmode = \"prefer\" if it may go unencrypted"
        }
        Some(Error::InvalidCertificate(why)) => of_certificate(why),
        Some(Error::AlertReceived(_)) => {
            "the server broke off: check sslcert and sslkey against its ssl_ca_file"
        }
        _ => "check that the server speaks TLS 1.2 or later, and its certificate",
    }
}

fn of_certificate(why: &CertificateError) -> &'static str {
    match why {
        CertificateError::UnknownIssuer => "point sslrootcert at the CA that signed the server's certificate",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "use a host name that the certificate holds, reissue it with a subjectAltName, or use verify-ca"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "renew the server's certificate"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "check this machine's clock"
        }
        _ => {
            "have a CA of sslrootcert sign a certificate of X.509 v3 for the server, \
             or put a self-signed one into sslrootcert"
        }
    }
}
