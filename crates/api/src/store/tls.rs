//! `sslmode` of a database URL, or of a list of keywords, as TLS: libpq's meanings, by rustls.
//!
//! The driver knows disable, prefer and require; verify-ca and verify-full, and `sslrootcert`, are read here and taken
//! out. Without a root certificate, prefer and require encrypt and believe anybody, as libpq does. A mode that is not
//! found here is the driver's to read: nothing is ever made less strict than it was written.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use percent_encoding::percent_decode_str;
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
    let Apart { rest, mode, root } = take_apart(url);
    let mut config: tokio_postgres::Config = rest.parse().map_err(|_| {
        anyhow::anyhow!("it is not of the form postgresql://user:password@host:port/database")
    })?;
    let verify = match (mode.as_deref(), &root) {
        (Some("disable"), _) => {
            config.ssl_mode(SslMode::Disable);
            Verify::Nothing
        }
        (None, _) => Verify::Nothing,
        (Some("prefer" | "allow"), _) => {
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

/// What is ours of it, and the rest, which the driver reads.
#[derive(Debug, Default, PartialEq)]
struct Apart {
    rest: String,
    mode: Option<String>,
    root: Option<String>,
}

impl Apart {
    /// Whether it was ours.
    fn take(&mut self, name: &str, value: impl FnOnce() -> String) -> bool {
        match name {
            "sslmode" => self.mode = Some(value()),
            "sslrootcert" => self.root = Some(value()),
            _ => return false,
        }
        true
    }
}

fn take_apart(text: &str) -> Apart {
    let is_url = ["postgresql://", "postgres://"].iter().any(|scheme| text.starts_with(scheme));
    if is_url { of_url(text) } else { of_keywords(text) }
}

fn of_url(url: &str) -> Apart {
    // A password may hold a question mark.
    let host = url.find('@').unwrap_or_default();
    let Some(at) = url[host..].find('?').map(|at| host + at) else {
        return Apart { rest: url.to_owned(), ..Apart::default() };
    };
    let mut apart = Apart { rest: url[..at].to_owned(), ..Apart::default() };
    let mut join = '?';
    for pair in url[at + 1..].split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !apart.take(name, || percent_decode_str(value).decode_utf8_lossy().into_owned()) {
            apart.rest.push(join);
            apart.rest += pair;
            join = '&';
        }
    }
    apart
}

/// What is not ours stays as it is written; where it is written wrongly the driver says so.
fn of_keywords(text: &str) -> Apart {
    let (mut apart, mut left) = (Apart::default(), text);
    while let Some((name, value, after)) = first_keyword(left) {
        if !apart.take(name, || value) {
            apart.rest += &left[..left.len() - after.len()];
        }
        left = after;
    }
    apart.rest += left;
    apart
}

/// Its name, its value, and what follows: `name = 'va\'lue' ...`.
fn first_keyword(text: &str) -> Option<(&str, String, &str)> {
    let (name, after) = text.split_once('=')?;
    let after = after.trim_start();
    let quoted = after.starts_with('\'');
    let ends = |c: char| if quoted { c == '\'' } else { c.is_whitespace() };
    let (mut value, mut chars) = (String::new(), after.char_indices().skip(usize::from(quoted)));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            c if ends(c) => return Some((name.trim(), value, &after[at + c.len_utf8()..])),
            c => value.push(c),
        }
    }
    (!quoted).then_some((name.trim(), value, ""))
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

    fn check(text: &str, rest: &str, mode: Option<&str>, root: Option<&str>) {
        let apart = take_apart(text);
        assert_eq!(
            (apart.rest.trim(), apart.mode.as_deref(), apart.root.as_deref()),
            (rest, mode, root),
            "{text}"
        );
    }

    #[test]
    fn the_driver_sees_what_it_knows() {
        check(
            "postgresql://u@h/d?sslmode=verify-full&sslrootcert=%2Fetc%2fmy%20ca.pem&connect_timeout=3",
            "postgresql://u@h/d?connect_timeout=3",
            Some("verify-full"),
            Some("/etc/my ca.pem"),
        );
        let others = "postgres://u@h/d?connect_timeout=3&options=-c%20a=b&x";
        check(others, others, None, None);
        check("postgres://u:p?w@h/d?sslmode=require", "postgres://u:p?w@h/d", Some("require"), None);
        check("postgres://h/d", "postgres://h/d", None, None);
    }

    #[test]
    fn keywords_are_read_as_well() {
        check("host=h user=u", "host=h user=u", None, None);
        check("host=h sslmode=require user=u", "host=h user=u", Some("require"), None);
        check(
            r"sslmode = 'verify-ca' password='a\'b sslmode=disable?' sslrootcert='/my\ ca.pem'",
            r"password='a\'b sslmode=disable?'",
            Some("verify-ca"),
            Some("/my ca.pem"),
        );
        check("host=h password='open", "host=h password='open", None, None);
        check("host=h sslmode", "host=h sslmode", None, None);
    }

    #[test]
    fn nothing_is_less_strict_than_it_was_written() {
        use tokio_postgres::config::SslMode::{Disable, Prefer, Require};
        for (text, expected) in [
            ("host=h user=u", Prefer),
            ("host=h sslmode=require", Require),
            ("host=h sslmode=disable", Disable),
            ("host=h sslmode=prefer", Prefer),
            ("postgresql://u@h/d", Prefer),
            ("postgresql://u:p?w@h/d?sslmode=require", Require),
            ("postgresql://u@h/d?%73slmode=require", Require),
        ] {
            let (config, _) = configure(text).unwrap_or_else(|e| panic!("{text}: {e:#}"));
            assert_eq!(config.get_ssl_mode(), expected, "{text}");
        }
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
