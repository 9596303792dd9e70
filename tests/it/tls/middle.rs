//! Somebody in the middle, with a certificate that nobody asked for: what a password that is bound to its channel is worth.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use pganalytics::config::SslMode;
use pganalytics::pg::refusal::{Kind, Scope};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ServerConfig, ServerConnection,
    SignatureScheme, StreamOwned,
};

use super::certs::{Authority, Pair};
use super::postgres::{Encrypted, open, refused};
use crate::support::majors;

/// `SSLRequest`, and what a server that has TLS says to it.
const REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
const BOUND: &[u8] = b"SCRAM-SHA-256-PLUS\0";

#[derive(Clone, Copy, PartialEq)]
enum Ways {
    /// Hands on what it hears.
    Relay,
    /// Takes the mechanism that is bound to the channel out of the server's offer.
    Strip,
}

/// Ends TLS from the client and begins its own to the server.
fn between(port: u16, shown: &Pair, ways: Ways) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap().port();
    let (certificate, key) = shown.der();
    let provider = Arc::new(ring::default_provider());
    let toward =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let toward = Arc::new(toward.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let away =
        ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let blind = away.dangerous().with_custom_certificate_verifier(Arc::new(Blind(provider)));
    let away = Arc::new(blind.with_no_client_auth());
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let mut asked = [0; 8];
            client.read_exact(&mut asked).unwrap();
            assert_eq!(asked, REQUEST, "the client wants TLS");
            server.write_all(&REQUEST).unwrap();
            server.read_exact(&mut asked[..1]).unwrap();
            client.write_all(b"S").unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let mut server = StreamOwned::new(ClientConnection::new(away.clone(), name).unwrap(), server);
            let mut client = StreamOwned::new(ServerConnection::new(toward.clone()).unwrap(), client);
            // Up to the end of logging in one speaks after the other, and what each says is one piece.
            while hand_on(&mut client, &mut server, Ways::Relay) && hand_on(&mut server, &mut client, ways) {}
        }
    });
    here
}

fn hand_on(from: &mut impl Read, to: &mut impl Write, ways: Ways) -> bool {
    let mut buffer = [0; 16384];
    let said = match from.read(&mut buffer) {
        Ok(0) | Err(_) => return false,
        Ok(length) => &buffer[..length],
    };
    let said = if ways == Ways::Strip { stripped(said) } else { said.to_vec() };
    to.write_all(&said).and_then(|()| to.flush()).map_err(|e| e.kind()).unwrap_or_else(|kind| {
        assert!(matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{kind}");
    });
    true
}

/// Without the offer of the bound mechanism, if that is what it is.
fn stripped(said: &[u8]) -> Vec<u8> {
    let mut said = said.to_vec();
    if let Some(at) = said.windows(BOUND.len()).position(|part| part == BOUND) {
        said.drain(at..at + BOUND.len());
        let length = u32::from_be_bytes([said[1], said[2], said[3], said[4]]) - BOUND.len() as u32;
        said[1..5].copy_from_slice(&length.to_be_bytes());
    }
    said
}

/// What it does to the server's certificate is nothing.
#[derive(Debug)]
struct Blind(Arc<CryptoProvider>);

impl ServerCertVerifier for Blind {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[test]
fn a_password_that_is_bound_to_its_channel_does_not_pass_through_another() {
    let (authority, thief) = (Authority::new("ours"), Authority::new("theirs").server(&["localhost"]));
    let dir = tempfile::tempdir().unwrap();
    let root = authority.file(dir.path(), "root.crt");
    for major in majors() {
        let running = Encrypted::start(major, &authority, &authority.server(&["localhost"]));
        let through = |user: &str, mode: SslMode, ways: Ways| {
            let mut server = running.server(user, mode);
            server.hosts[0].1 = between(running.cluster.port(), &thief, ways);
            server
        };
        // It stands there: who needs no password comes through.
        open(&through("open", SslMode::Require, Ways::Relay), None)
            .unwrap_or_else(|why| panic!("{major}: {why}"));
        for (ways, said) in [
            (Ways::Relay, "channel binding"),
            (Ways::Strip, "client supports SCRAM channel binding but thinks the server does not"),
        ] {
            let mark = running.cluster.log_mark();
            let told = open(&through("scram", SslMode::Require, ways), Some("right")).err().expect("refused");
            let log = running.cluster.log_since(mark);
            assert!(log.contains(said) || told.message.contains(said), "{major}: {told}: {log}");
        }
        let mut verifying = through("scram", SslMode::VerifyCa, Ways::Relay);
        verifying.ssl.root_cert = Some(root.clone());
        refused(open(&verifying, Some("right")), Kind::Tls, Scope::Server, &["point sslrootcert at the CA"]);
    }
}
