//! From `sslmode` and its files to a rustls connector, with libpq's rules.
//!
//! `disable` gives none. `prefer`, and `require` without a root file, encrypt and believe any certificate;
//! `require` with a root file is `verify-ca`, as in libpq. The root file "system" means the host's own roots and
//! goes with `verify-full` alone: every public site has a certificate of theirs.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::{Ssl, SslMode};
use crate::roots;

mod verify;

use verify::{Chain, Unverified};

#[cfg(test)]
mod tests;

/// `None`: no TLS is to be tried.
pub fn connector(ssl: &Ssl) -> Result<Option<MakeRustlsConnect>> {
    if ssl.mode == SslMode::Disable {
        return Ok(None);
    }
    let config = ClientConfig::builder_with_provider(roots::provider())
        .with_safe_default_protocol_versions()
        .context("choosing TLS versions")?
        .dangerous()
        .with_custom_certificate_verifier(verifier(ssl)?);
    let config = match &ssl.client {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let ours = roots::identity(certificate, key)?;
            config.with_client_auth_cert(ours.chain, ours.key).with_context(|| {
                format!("using the client certificate {} with key {}", certificate.display(), key.display())
            })?
        }
    };
    Ok(Some(MakeRustlsConnect::new(config)))
}

fn verifier(ssl: &Ssl) -> Result<Arc<dyn ServerCertVerifier>> {
    let provider = roots::provider();
    match root_certificates(ssl)? {
        None => Ok(Arc::new(Unverified(provider.signature_verification_algorithms))),
        Some(trusted) => {
            let mut store = RootCertStore::empty();
            let (added, _) = store.add_parsable_certificates(trusted.iter().cloned());
            ensure!(added > 0, "none of the {} root certificates can be understood", trusted.len());
            let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
                .build()
                .context("preparing to verify server certificates")?;
            Ok(Arc::new(Chain { inner, trusted, names: ssl.mode == SslMode::VerifyFull }))
        }
    }
}

/// `None`: the server's certificate is not to be verified.
fn root_certificates(ssl: &Ssl) -> Result<Option<Vec<CertificateDer<'static>>>> {
    let mode = word(ssl.mode);
    match (ssl.mode, ssl.root_cert.as_deref()) {
        (SslMode::VerifyFull, Some(path)) if path == Path::new("system") => {
            Ok(Some(roots::native()?.to_vec()))
        }
        (_, Some(path)) if path == Path::new("system") => bail!(
            "sslmode = \"{mode}\" is too weak for sslrootcert = \"system\": set sslmode = \"verify-full\", \
             or name the file of your own CA"
        ),
        (SslMode::Disable | SslMode::Prefer, _) | (SslMode::Require, None) => Ok(None),
        (SslMode::Require, Some(path)) if !path.exists() => Ok(None),
        (SslMode::VerifyCa | SslMode::VerifyFull, Some(path)) if !path.exists() => bail!(
            "sslmode = \"{mode}\" needs root certificates and {} does not exist: put the CA's certificate there, \
             or point sslrootcert at it",
            path.display()
        ),
        (_, Some(path)) => Ok(Some(roots::certificates(path)?)),
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
