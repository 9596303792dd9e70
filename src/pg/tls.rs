//! From `sslmode` and its files to a rustls connector, with libpq's rules.
//!
//! `disable` gives none. `prefer`, and `require` without a root file, encrypt and believe any certificate;
//! `require` with a root file is `verify-ca`, as in libpq. The root file "system" means the host's own roots and
//! goes with `verify-full` alone: every public site has a certificate of theirs.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::{Ssl, SslMode};
use crate::trust::{self, Trust};

#[cfg(test)]
mod tests;

/// Those of this process so far: reading certificates for each connection would cost more than its handshake.
static MADE: Mutex<Vec<(Ssl, MakeRustlsConnect)>> = Mutex::new(Vec::new());

/// `None`: no TLS is to be tried.
pub fn connector(ssl: &Ssl) -> Result<Option<MakeRustlsConnect>> {
    if ssl.mode == SslMode::Disable {
        return Ok(None);
    }
    // Held while one is made: a run's first connections would otherwise all make the same one.
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, connector)) = made.iter().find(|(known, _)| known == ssl) {
        return Ok(Some(connector.clone()));
    }
    let connector = MakeRustlsConnect::new(trust::client_config(whom(ssl)?, ssl.client.as_ref())?);
    made.push((ssl.clone(), connector.clone()));
    Ok(Some(connector))
}

fn whom(ssl: &Ssl) -> Result<Trust> {
    let mode = word(ssl.mode);
    match (ssl.mode, ssl.root_cert.as_deref()) {
        (SslMode::VerifyFull, Some(path)) if path == Path::new("system") => {
            Ok(Trust::ChainAndName(trust::native()?.to_vec()))
        }
        (_, Some(path)) if path == Path::new("system") => bail!(
            "sslmode = \"{mode}\" is too weak for sslrootcert = \"system\": set sslmode = \"verify-full\", \
             or name the file of your own CA"
        ),
        (SslMode::Disable | SslMode::Prefer, _) | (SslMode::Require, None) => Ok(Trust::Anyone),
        (SslMode::Require, Some(path)) if !path.exists() => Ok(Trust::Anyone),
        (SslMode::VerifyCa | SslMode::VerifyFull, Some(path)) if !path.exists() => bail!(
            "sslmode = \"{mode}\" needs root certificates and {} does not exist: put the CA's certificate there, \
             or point sslrootcert at it",
            path.display()
        ),
        (SslMode::VerifyFull, Some(path)) => Ok(Trust::ChainAndName(trust::certificates(path)?)),
        (_, Some(path)) => Ok(Trust::Chain(trust::certificates(path)?)),
        (_, None) => bail!(
            "sslmode = \"{mode}\" needs root certificates: set sslrootcert to the file of the CA that signed the \
             server's certificate{}",
            if ssl.mode == SslMode::VerifyFull { ", or to \"system\"" } else { "" }
        ),
    }
}

fn word(mode: SslMode) -> &'static str {
    match mode {
        SslMode::Disable => "disable",
        SslMode::Prefer => "prefer",
        SslMode::Require => "require",
        SslMode::VerifyCa => "verify-ca",
        SslMode::VerifyFull => "verify-full",
    }
}
