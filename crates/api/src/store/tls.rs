//! `sslmode` of a database URL as TLS: libpq's meanings, by rustls.
//!
//! The driver knows disable, prefer and require; verify-ca and verify-full, and `sslrootcert`, are read here and taken
//! out of the URL. Without a root certificate, prefer and require encrypt and believe anybody, as libpq does.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How far the server's certificate is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verify {
    Nothing,
    Chain,
    ChainAndName,
}

/// The driver's configuration, and the TLS it is used with.
pub(super) fn configure(url: &str) -> Result<(tokio_postgres::Config, MakeRustlsConnect)> {
    let (rest, mode, root) = take_apart(url);
    let mut config: tokio_postgres::Config = rest.parse().map_err(|_| {
        anyhow::anyhow!("it is not of the form postgresql://user:password@host:port/database")
    })?;
    let verify = match (mode.as_deref(), &root) {
        (Some("disable"), _) => {
            config.ssl_mode(SslMode::Disable);
            Verify::Nothing
        }
        (None | Some("prefer" | "allow"), _) => {
            config.ssl_mode(SslMode::Prefer);
            Verify::Nothing
        }
        (Some("require"), None) => Verify::Nothing,
        (Some("require" | "verify-ca"), _) => Verify::Chain,
        (Some("verify-full"), _) => Verify::ChainAndName,
        (Some(other), _) => {
            bail!("sslmode={other} is none of disable, prefer, require, verify-ca, verify-full")
        }
    };
    if matches!(mode.as_deref(), Some("require" | "verify-ca" | "verify-full")) {
        config.ssl_mode(SslMode::Require);
    }
    Ok((config, MakeRustlsConnect::new(client(verify, root.as_deref())?)))
}

/// The URL without what the driver does not know, `sslmode`, `sslrootcert`.
fn take_apart(url: &str) -> (String, Option<String>, Option<String>) {
    let Some((base, query)) = url.split_once('?') else { return (url.to_owned(), None, None) };
    let (mut mode, mut root, mut kept) = (None, None, Vec::new());
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value.to_owned()),
            Some(("sslrootcert", value)) => root = Some(value.replace("%2F", "/")),
            _ => kept.push(pair),
        }
    }
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    (format!("{base}{query}"), mode, root)
}

fn client(verify: Verify, root: Option<&str>) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = match verify {
        Verify::ChainAndName => builder.with_root_certificates(roots(root)?),
        Verify::Chain => {
            let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(root)?), provider.clone())
                .build()?;
            let verifier = Arc::new(Lenient { chain: Some(chain), provider });
            builder.dangerous().with_custom_certificate_verifier(verifier)
        }
        Verify::Nothing => {
            let verifier = Arc::new(Lenient { chain: None, provider });
            builder.dangerous().with_custom_certificate_verifier(verifier)
        }
    };
    Ok(builder.with_no_client_auth())
}

fn roots(root: Option<&str>) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    match root {
        Some(path) => {
            for certificate in
                CertificateDer::pem_file_iter(path).with_context(|| format!("reading sslrootcert {path}"))?
            {
                store.add(certificate.with_context(|| format!("reading sslrootcert {path}"))?)?;
            }
        }
        None => drop(store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    anyhow::ensure!(
        !store.is_empty(),
        "there is no root certificate to verify the database with: give sslrootcert="
    );
    Ok(store)
}

/// Believes a chain without its name, or anybody. Signatures are verified all the same.
#[derive(Debug)]
struct Lenient {
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            Err(Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::{configure, take_apart};

    #[test]
    fn the_driver_sees_what_it_knows() {
        let (url, mode, root) = take_apart(
            "postgresql://u@h/d?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem&connect_timeout=3",
        );
        assert_eq!(url, "postgresql://u@h/d?connect_timeout=3");
        assert_eq!((mode.as_deref(), root.as_deref()), (Some("verify-full"), Some("/etc/ca.pem")));
        assert_eq!(take_apart("host=h user=u").0, "host=h user=u");
    }

    #[test]
    fn each_mode_is_known_and_others_are_not() {
        for mode in ["disable", "prefer", "require"] {
            assert!(configure(&format!("postgresql://u@h/d?sslmode={mode}")).is_ok(), "{mode}");
        }
        let told = |url: &str| configure(url).err().map(|e| format!("{e:#}")).unwrap_or_default();
        assert!(told("postgresql://u@h/d?sslmode=sure").contains("none of disable"));
        assert!(told("postgresql://u@h/d?sslmode=verify-full&sslrootcert=/nowhere").contains("/nowhere"));
        let secret = told("postgresql://u:hunter2@h:port/d");
        assert!(!secret.is_empty() && !secret.contains("hunter2"), "{secret}");
    }
}
