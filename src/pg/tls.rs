//! From `sslmode` and its files to a rustls connector, with libpq's rules.
//!
//! `disable` gives none. `prefer`, and `require` without a root file, encrypt and believe any certificate;
//! `require` with a root file is `verify-ca`, as in libpq. The root file "system" means the host's own roots and
//! goes with `verify-full` alone: every public site has a certificate of theirs.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Result, bail};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::{Ssl, SslMode};
use crate::trust::{self, Trust};

#[cfg(test)]
mod tests;

/// A server's connector, made with its first connection: reading certificates for each would cost more than a
/// handshake does.
#[derive(Default)]
pub struct Connector(OnceLock<MakeRustlsConnect>);

impl Connector {
    /// `None`: no TLS is to be tried.
    pub fn get(&self, ssl: &Ssl) -> Result<Option<MakeRustlsConnect>> {
        if ssl.mode == SslMode::Disable {
            return Ok(None);
        }
        if let Some(made) = self.0.get() {
            return Ok(Some(made.clone()));
        }
        let made = MakeRustlsConnect::new(trust::client_config(whom(ssl)?, ssl.client.as_ref())?);
        Ok(Some(self.0.get_or_init(|| made).clone()))
    }
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
