//! An HTTPS server with each kind of certificate, with and without one asked of the client.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pganalytics::http::{Answer, Failure, Kind, agent, post};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ConfigBuilder, RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
    WantsVerifier,
};

use super::certs::{Authority, Pair, self_signed};
use crate::http::{backend, request};

type Builder = ConfigBuilder<ServerConfig, WantsVerifier>;

fn builder() -> Builder {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap()
}

/// Asks for a client's certificate where `clients` can have signed one.
fn serve(shown: &Pair, clients: Option<&Authority>) -> String {
    let config = match clients {
        None => builder().with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der()).unwrap();
            let provider = builder().crypto_provider().clone();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build();
            builder().with_client_cert_verifier(verifier.unwrap())
        }
    };
    let (certificate, key) = shown.der();
    answer_all(config.with_single_cert(vec![certificate], key).unwrap())
}

/// Shows a certificate, and has another one's key.
#[derive(Debug)]
struct Thief(Arc<CertifiedKey>);

impl ResolvesServerCert for Thief {
    fn resolve(&self, _: ClientHello) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

fn serve_stolen(shown: &Pair, versions: &[&'static SupportedProtocolVersion]) -> String {
    let (certificate, _) = shown.der();
    let (_, own) = self_signed(&["localhost"]).der();
    let provider = builder().crypto_provider().clone();
    let key = provider.key_provider.load_private_key(own).unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let thief = Thief(Arc::new(CertifiedKey::new(vec![certificate], key)));
    answer_all(config.with_no_client_auth().with_cert_resolver(Arc::new(thief)))
}

/// Every request with 200.
fn answer_all(config: ServerConfig) -> String {
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), socket);
            let mut buffer = [0; 4096];
            if stream.read(&mut buffer).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            }
            // Read to the end, so that closing does not reset what was sent.
            let _ = stream.flush();
            while matches!(stream.sock.read(&mut buffer), Ok(1..)) {}
        }
    });
    url
}

struct Client<'a> {
    verify: bool,
    ca_file: Option<&'a Path>,
    client: Option<(PathBuf, PathBuf)>,
}

fn ask(url: &str, client: Client) -> Result<Answer, Failure> {
    let mut backend = backend(url);
    backend.tls.verify = client.verify;
    backend.tls.ca_file = client.ca_file.map(Path::to_owned);
    backend.tls.client = client.client;
    let agent = agent(&backend, Duration::from_secs(60)).unwrap();
    post(&agent, &request(&format!("{url}/push")), b"x")
}

#[track_caller]
fn refused(result: Result<Answer, Failure>, part: &str) {
    let failure = result.expect_err("a failure");
    assert_eq!(failure.kind, Kind::Tls, "{failure}");
    assert!(failure.message.contains(part), "{failure} lacks {part:?}");
}

#[track_caller]
fn accepted(result: Result<Answer, Failure>) {
    let answer = result.unwrap_or_else(|why| panic!("{why}"));
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"ok".as_slice()));
}

#[test]
fn servers_are_verified_unless_told_otherwise() {
    let authority = Authority::new("ours");
    let dir = tempfile::tempdir().unwrap();
    let root = authority.file(dir.path(), "ca.crt");
    let right = serve(&authority.server(&["localhost"]), None);
    let wrong_name = serve(&authority.server(&["other.example.com"]), None);
    let expired = serve(&authority.expired(&["localhost"]), None);
    let stranger = serve(&Authority::new("theirs").server(&["localhost"]), None);
    let with = |url: &str, ca_file, verify| ask(url, Client { verify, ca_file, client: None });

    accepted(with(&right, Some(&root), true));
    refused(with(&right, None, true), "[tls] ca_file");
    refused(with(&wrong_name, Some(&root), true), "not valid for name");
    refused(with(&expired, Some(&root), true), "renew the backend's certificate");
    refused(with(&stranger, Some(&root), true), "[tls] ca_file");
    for url in [&right, &wrong_name, &expired, &stranger] {
        accepted(with(url, None, false));
    }
}

#[test]
fn a_self_signed_certificate_can_be_the_ca_file() {
    let dir = tempfile::tempdir().unwrap();
    let shown = self_signed(&["localhost"]);
    let (root, _) = shown.write(dir.path(), "server");
    accepted(ask(&serve(&shown, None), Client { verify: true, ca_file: Some(&root), client: None }));
}

#[test]
fn a_certificate_is_nothing_without_its_key_even_unverified() {
    let authority = Authority::new("ours");
    let unverified = |url: &str| ask(url, Client { verify: false, ca_file: None, client: None });
    for versions in [&[&TLS13], &[&TLS12]] {
        refused(unverified(&serve_stolen(&authority.server(&["localhost"]), versions)), "BadSignature");
    }
    refused(unverified(&serve_stolen(&authority.version_1(), &[&TLS13])), "BadSignature");
}

#[test]
fn a_client_certificate_is_shown_where_one_is_asked_for() {
    let (authority, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let dir = tempfile::tempdir().unwrap();
    let root = authority.file(dir.path(), "ca.crt");
    let url = serve(&authority.server(&["localhost"]), Some(&authority));
    let with = |client| ask(&url, Client { verify: true, ca_file: Some(&root), client });
    accepted(with(Some(authority.client("collector").write(dir.path(), "own"))));
    refused(with(None), "[tls] cert_file and key_file");
    refused(
        with(Some(stranger.client("collector").write(dir.path(), "unknown"))),
        "[tls] cert_file and key_file",
    );
}

#[test]
fn files_that_cannot_be_used_are_told_before_anything_is_sent() {
    let authority = Authority::new("ours");
    let dir = tempfile::tempdir().unwrap();
    let (certificate, _) = authority.client("one").write(dir.path(), "one");
    let (_, key) = authority.client("two").write(dir.path(), "two");
    let mut backend = backend("https://localhost:1");
    backend.tls.ca_file = Some(authority.file(dir.path(), "ca.crt"));
    backend.tls.client = Some((certificate, key));
    let why = format!("{:#}", agent(&backend, Duration::from_secs(1)).expect_err("another one's key"));
    assert!(why.contains("[tls]") && why.contains("one.crt"), "{why}");
    backend.tls.client = Some((dir.path().join("absent.crt"), dir.path().join("absent.key")));
    agent(&backend, Duration::from_secs(1)).expect("both absent are none");
    backend.tls.client = Some((dir.path().join("absent.crt"), dir.path().join("one.key")));
    agent(&backend, Duration::from_secs(1)).expect_err("a key alone is an error");
    backend.tls.client = None;
    backend.tls.ca_file = Some(dir.path().join("absent.crt"));
    let why = format!("{:#}", agent(&backend, Duration::from_secs(1)).expect_err("no such file"));
    assert!(why.contains("[tls]") && why.contains("absent.crt"), "{why}");
}
