//! TLS in process, and the key that signs tokens: both are renewed without anybody being thrown out.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bed::api::Api;
use bed::poll::{LONG, eventually};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::persons::newest;

/// Signed by itself: its certificate is its own authority.
fn pair(dir: &Path, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let files =
        [format!("{name}.crt"), format!("{name}.key")].map(|file| dir.join(file).display().to_string());
    fs::write(&files[0], params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(&files[1], key.serialize_pem()).unwrap();
    files.into()
}

fn certificate(file: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).unwrap()
}

/// A connection of somebody who trusts this certificate alone, before its handshake.
pub(crate) fn wire(
    port: u16,
    trusted: &str,
    own: Option<&(String, String)>,
) -> Result<StreamOwned<ClientConnection, TcpStream>, String> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(trusted)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    let config = match own {
        Some((file, key)) => config
            .with_client_auth_cert(vec![certificate(file)], PrivateKeyDer::from_pem_file(key).unwrap())
            .unwrap(),
        None => config.with_no_client_auth(),
    };
    let session =
        ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let socket = TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())?;
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    Ok(StreamOwned::new(session, socket))
}

/// The status line of a look at its health.
pub(crate) fn https(port: u16, trusted: &str, own: Option<&(String, String)>) -> Result<String, String> {
    let mut wire = wire(port, trusted, own)?;
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    wire.write_all(request).map_err(|e| e.to_string())?;
    let mut text = String::new();
    wire.read_to_string(&mut text).map_err(|e| e.to_string())?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

pub(crate) fn launch(dir: &Path, more: &[(&str, &str)]) -> (Api, (String, String)) {
    let files = pair(dir, "api");
    let database = newest().fresh_database("tls");
    let mut settings = vec![("TLS_ENABLED", "true"), ("TLS_CERT", &files.0), ("TLS_KEY", &files.1)];
    settings.extend(more);
    let mut api = Api::prepare(&bed::api::url(newest().port(), &database), &settings);
    api.launch();
    (api, files)
}

#[test]
fn https_answers_and_a_renewed_certificate_is_used_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (api, files) = launch(dir.path(), &[]);
    let ok = || https(api.port(), &files.0, None);
    eventually(LONG, || ok().and_then(|line| if line.contains(" 200 ") { Ok(()) } else { Err(line) }));
    assert!(api.try_get("/healthz", None).is_err(), "not without TLS");
    let pid = api.pid();
    pair(dir.path(), "api");
    assert!(ok().is_err(), "the old one is still shown");
    eventually(LONG, &ok);
    assert_eq!(api.pid(), pid);
    fs::write(&files.1, "no key").unwrap();
    eventually(LONG, || if api.log().contains("the old one stays") { Ok(()) } else { Err(api.log()) });
    assert!(ok().is_ok());
}

#[test]
fn clients_show_a_certificate_where_they_have_to() {
    let dir = tempfile::tempdir().unwrap();
    let (client, stranger) = (pair(dir.path(), "client"), pair(dir.path(), "stranger"));
    let (api, files) = launch(dir.path(), &[("TLS_CLIENT_CA", &client.0)]);
    eventually(LONG, || https(api.port(), &files.0, Some(&client)));
    assert!(https(api.port(), &files.0, None).is_err());
    assert!(https(api.port(), &files.0, Some(&stranger)).is_err());
}

#[test]
fn files_that_cannot_be_used_are_told_at_the_start() {
    for (file, text) in [("api.crt", "nothing"), ("api.key", "nothing")] {
        let dir = tempfile::tempdir().unwrap();
        let (mut api, _) = launch(dir.path(), &[]);
        api.kill9();
        fs::write(dir.path().join(file), text).unwrap();
        api.launch();
        assert_eq!(api.wait(), Some(1), "{}", api.log());
        assert!(api.log().contains("preparing TLS") && api.log().contains(file), "{}", api.log());
    }
}

fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

#[test]
fn a_rotated_key_signs_what_is_new_and_what_was_signed_before_stays_good() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    fs::write(&file, "# ours\njwt_secret_key = \"a-key-in-a-file-that-is-long-enough\"\n").unwrap();
    let shown = file.display().to_string();
    let settings = [("CONFIG_FILE", shown.as_str()), ("JWT_SECRET_KEY", "")];
    let mut api = Api::start(newest(), &newest().fresh_database("rotated"), &settings);
    let (_, before) = api.register("one");
    let mut rotate: Command = api.command(&["admin", "rotate-jwt-key", "--file", &shown]);
    let rotated = rotate.output().unwrap();
    assert!(rotated.status.success(), "{rotated:?}");
    api.kill9();
    api.launch();
    api.healthy();
    assert_eq!(api.get("/api/v1/metrics", Some(&before)).status, 200);
    let (_, after) = api.register("two");
    assert_ne!(kid(&after), kid(&before));
    assert_eq!(api.get("/api/v1/metrics", Some(&after)).status, 200);
    assert!(fs::read_to_string(&file).unwrap().starts_with("# ours\n"));
}
