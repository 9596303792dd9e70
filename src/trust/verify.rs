//! The two answers to "is this the server we meant": whoever it is, and one that our roots vouch for.
//!
//! Both check the signature over the handshake, even where nothing else is verified: SCRAM's channel binding
//! rests on the server owning the key of the certificate it shows.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// Any certificate will do.
#[derive(Debug)]
pub(super) struct Unverified(pub(super) WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.0)
    }

    /// `openssl x509 -req` before 3.4 makes X.509 v1 certificates, which webpki does not read; libpq is content
    /// with them, and the key they carry is all that is wanted here.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match (verify_tls13_signature(message, cert, signed, &self.0), public_key(cert)) {
            (Err(Error::InvalidCertificate(_)), Some(key)) => verify_tls13_signature_with_raw_key(
                message,
                &SubjectPublicKeyInfoDer::from(key),
                signed,
                &self.0,
            ),
            (result, _) => result,
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// A chain to one of our roots, and with `names` the right name as well.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) inner: Arc<WebPkiServerVerifier>,
    pub(super) trusted: Vec<CertificateDer<'static>>,
    pub(super) names: bool,
}

impl ServerCertVerifier for Chain {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(why)) if is_name_error(&why) && !self.names => {
                Ok(ServerCertVerified::assertion())
            }
            Err(Error::InvalidCertificate(why)) if is_ca_shown(&why) && self.trusted.contains(end_entity) => {
                if self.names {
                    verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn is_name_error(why: &CertificateError) -> bool {
    matches!(why, CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. })
}

/// `openssl req -x509`, the manual's way to a self-signed certificate, makes one that is its own CA. webpki
/// refuses to see a CA in a server's place, but says so only after it found the dates good: where that very
/// certificate is the trusted root there is nothing left to prove.
fn is_ca_shown(why: &CertificateError) -> bool {
    matches!(why, CertificateError::Other(other) if other.to_string() == "CaUsedAsEndEntity")
}

/// The SubjectPublicKeyInfo of a certificate: the sixth field of its first part, after an optional version tag.
pub(super) fn public_key(certificate: &[u8]) -> Option<&[u8]> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    let outer = element(certificate, SEQUENCE)?.content;
    let mut rest = element(outer, SEQUENCE)?.content;
    if rest.first() == Some(&VERSION) {
        rest = element(rest, VERSION)?.rest;
    }
    // serial number, signature algorithm, issuer, validity, subject
    for _ in 0..5 {
        rest = element(rest, *rest.first()?)?.rest;
    }
    element(rest, SEQUENCE).map(|found| found.whole)
}

struct Element<'a> {
    whole: &'a [u8],
    content: &'a [u8],
    rest: &'a [u8],
}

/// One DER element with the given tag, from the start of `der`.
fn element(der: &[u8], tag: u8) -> Option<Element<'_>> {
    let (&[found, first], body) = der.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (length, body) = match first {
        0..=0x7f => (usize::from(first), body),
        0x81..=0x83 => {
            let (bytes, body) = body.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), body)
        }
        _ => return None,
    };
    let (content, rest) = body.split_at_checked(length)?;
    Some(Element { whole: &der[..der.len() - rest.len()], content, rest })
}
