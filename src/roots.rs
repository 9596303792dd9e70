//! What both directions of TLS share: the crypto provider, trusted roots, certificates and keys.
//!
//! Owns the reading of PEM files and, once for a process, of the host's own certificate store. Refuses a private
//! key that others may read, and a root file that holds no certificate: both would pass unnoticed otherwise.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result, bail, ensure};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

#[cfg(test)]
mod tests;

/// A certificate with its chain, and the key that proves it is ours.
#[derive(Debug)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

/// The one provider of everything cryptographic: named explicitly, so nothing depends on a process-wide default.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));
    PROVIDER.clone()
}

/// The host's own trusted certificates. Read on first use: a run that needs none must not pay for them.
pub fn native() -> Result<&'static [CertificateDer<'static>]> {
    static NATIVE: LazyLock<rustls_native_certs::CertificateResult> =
        LazyLock::new(rustls_native_certs::load_native_certs);
    if NATIVE.certs.is_empty() {
        let why = NATIVE.errors.first().map(|e| format!(" ({e})")).unwrap_or_default();
        bail!(
            "no trusted certificates found on this host{why}: install the package ca-certificates, \
             or name a CA file in the configuration"
        );
    }
    Ok(&NATIVE.certs)
}

/// Every certificate of a PEM file; at least one.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let doing = || format!("reading certificates from {}", path.display());
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

/// A client's certificate chain and its key.
pub fn identity(certificate: &Path, key: &Path) -> Result<Identity> {
    Ok(Identity { chain: certificates(certificate)?, key: private_key(key)? })
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

/// libpq's rule: root may own a key that a service group reads.
fn private_enough(owner: u32, mode: u32) -> bool {
    let forbidden = if owner == 0 { 0o037 } else { 0o077 };
    mode & forbidden == 0
}
