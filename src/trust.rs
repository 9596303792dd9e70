//! TLS as a client, for PostgreSQL and the backend alike: whom we believe, and how we prove who we are.
//!
//! Owns the way from PEM files, and from the host's own certificate store, to a rustls configuration. Refuses a
//! private key that others may read, a root file without a certificate, and anything below TLS 1.2.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result, bail, ensure};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, ClientConfig, PeerIncompatible, RootCertStore};
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};

mod verify;

use verify::{Chain, Unverified};

#[cfg(test)]
mod tests;

/// Which certificate of a server will do.
pub enum Trust {
    Anyone,
    /// One signed by these, whatever name it holds.
    Chain(Vec<CertificateDer<'static>>),
    /// One signed by these, for the name we connect to.
    ChainAndName(Vec<CertificateDer<'static>>),
}

/// `client` is a certificate and its key, for servers that ask for one.
pub fn client_config(trust: Trust, client: Option<&(PathBuf, PathBuf)>) -> Result<ClientConfig> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .context("choosing TLS versions")?
        .dangerous()
        .with_custom_certificate_verifier(verifier(trust)?);
    let Some((certificate, key)) = client else {
        return Ok(config.with_no_client_auth());
    };
    config.with_client_auth_cert(certificates(certificate)?, private_key(key)?).with_context(|| {
        format!("using the client certificate {} with the key {}", certificate.display(), key.display())
    })
}

fn verifier(trust: Trust) -> Result<Arc<dyn ServerCertVerifier>> {
    let provider = provider();
    let (trusted, names) = match trust {
        Trust::Anyone => return Ok(Arc::new(Unverified(provider.signature_verification_algorithms))),
        Trust::Chain(trusted) => (trusted, false),
        Trust::ChainAndName(trusted) => (trusted, true),
    };
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(trusted.iter().cloned());
    ensure!(added > 0, "none of the {} root certificates can be understood", trusted.len());
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
        .build()
        .context("preparing to verify server certificates")?;
    Ok(Arc::new(Chain { inner, trusted, names }))
}

/// Named explicitly wherever it is needed, so that nothing depends on a process-wide default.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));
    PROVIDER.clone()
}

/// The host's own trusted certificates. Read on first use: a run that needs none must not pay for them.
pub fn native() -> Result<&'static [CertificateDer<'static>]> {
    static NATIVE: LazyLock<CertificateResult> = LazyLock::new(host_roots);
    if NATIVE.certs.is_empty() {
        let why = NATIVE.errors.first().map(|e| format!(" ({e})")).unwrap_or_default();
        bail!(
            "no trusted certificates found on this host{why}: install the package ca-certificates, \
             or name a CA file in the configuration"
        );
    }
    Ok(&NATIVE.certs)
}

/// The host's one file of all of them: the folder beside it holds each once more, in a file of its own. The folder where
/// there is no such file, and what SSL_CERT_FILE and SSL_CERT_DIR name where somebody set them.
fn host_roots() -> CertificateResult {
    let told = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| env::var_os(name).is_some());
    let bundle = openssl_probe::probe().cert_file.filter(|_| !told);
    let found = bundle.map(|file| load_certs_from_paths(Some(&file), None));
    found.filter(|found| !found.certs.is_empty()).unwrap_or_else(load_native_certs)
}

/// Every certificate of a PEM file; at least one.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let doing = || format!("reading certificates from {} (it must exist, for this user)", path.display());
    let text = fs::read(path).with_context(doing)?;
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.with_context(doing)?;
    ensure!(
        !found.is_empty(),
        "{} holds no PEM certificate: it must have a BEGIN CERTIFICATE block (convert DER with \
         `openssl x509 -inform der`)",
        path.display()
    );
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let doing = || format!("reading the private key {}", path.display());
    let meta = fs::metadata(path).with_context(doing)?;
    ensure!(meta.is_file(), "the private key {} is not a regular file", path.display());
    ensure!(
        private_enough(meta.uid(), meta.mode()),
        "the private key {} has group or world access: its mode must be 0600 or less, \
         or 0640 or less if root owns it (chmod 0600)",
        path.display()
    );
    let text = fs::read(path).with_context(doing)?;
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => bail!(
            "{} holds no private key that can be used: it must be PEM, PKCS#8, PKCS#1 or SEC1, and without \
             a passphrase (`openssl pkey` removes one)",
            path.display()
        ),
        Err(why) => Err(why).with_context(doing),
    }
}

/// What rustls says, in words for somebody who did not write it.
pub fn explain(error: &rustls::Error) -> String {
    use rustls::CertificateError::{
        Expired, ExpiredContext, NotValidYet, NotValidYetContext, Other, UnknownIssuer,
    };
    match error {
        rustls::Error::InvalidCertificate(why) => match why {
            Expired | ExpiredContext { .. } => "its certificate has expired".to_owned(),
            NotValidYet | NotValidYetContext { .. } => "its certificate is not valid yet".to_owned(),
            UnknownIssuer => "nobody we trust signed its certificate".to_owned(),
            Other(why) => format!("its certificate cannot be verified ({why})"),
            why => why.to_string(),
        },
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            "it speaks nothing as new as TLS 1.2".to_owned()
        }
        other => other.to_string(),
    }
}

/// libpq's rule: root may own a key that a service group reads.
fn private_enough(owner: u32, mode: u32) -> bool {
    let forbidden = if owner == 0 { 0o037 } else { 0o077 };
    mode & forbidden == 0
}
