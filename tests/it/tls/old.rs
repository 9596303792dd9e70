//! What speaks nothing newer than TLS 1.1 is not spoken to.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pganalytics::config::SslMode;
use pganalytics::http::{Kind, agent, get};

use super::certs::Authority;
use super::postgres::{Encrypted, open};
use crate::http::{backend, request};
use crate::support::poll::{LONG, eventually};
use crate::support::ports;

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// OpenSSL's own server, with this version alone.
fn serve(dir: &Path, authority: &Authority, version: &str) -> (Killed, String) {
    let (certificate, key) = authority.server(&["localhost"]).write(dir, version);
    let port = ports::lease();
    let mut server = Command::new("openssl");
    server.args(["s_server", "-quiet", "-www", &format!("-{version}"), "-cipher", "ALL:@SECLEVEL=0"]);
    server.args(["-accept", &format!("127.0.0.1:{}", port.number)]);
    server.arg("-cert").arg(certificate).arg("-key").arg(key);
    let server = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let url = format!("https://localhost:{}", port.number);
    eventually(LONG, || TcpStream::connect(("127.0.0.1", port.number)));
    (Killed(server), url)
}

#[test]
fn a_backend_needs_1_2_at_least() {
    let authority = Authority::new("ours");
    let dir = tempfile::tempdir().unwrap();
    let root = authority.file(dir.path(), "ca.crt");
    for (version, taken) in [("tls1_1", false), ("tls1_2", true), ("tls1_3", true)] {
        let (_server, url) = serve(dir.path(), &authority, version);
        let mut backend = backend(&url);
        backend.tls.ca_file = Some(root.clone());
        for verify in [true, false] {
            backend.tls.verify = verify;
            let agent = agent(&backend, Duration::from_secs(60)).unwrap();
            match (get(&agent, &request(&format!("{url}/health"))), taken) {
                (told, true) => drop(told.unwrap_or_else(|why| panic!("{version}: {why}"))),
                (told, false) => {
                    let why = told.expect_err(version);
                    assert_eq!(why.kind, Kind::Tls, "{version}: {why}");
                    assert!(why.message.contains("TLS 1.2"), "{version}: {why}");
                }
            }
        }
    }
}

#[test]
fn a_server_needs_1_2_at_least() {
    let authority = Authority::new("ours");
    let running = Encrypted::start(18, &authority, &authority.server(&["localhost"]));
    for (setting, value) in [
        ("ssl_min_protocol_version", "TLSv1.1"),
        ("ssl_max_protocol_version", "TLSv1.1"),
        ("ssl_ciphers", "ALL:@SECLEVEL=0"),
    ] {
        running.cluster.sql("postgres", &format!("alter system set {setting} = '{value}'"));
    }
    running.cluster.sql("postgres", "select pg_reload_conf()");
    let told = eventually(LONG, || match open(&running.server("open", SslMode::Require), None) {
        Ok(_) => Err("the old settings hold"),
        Err(told) => Ok(told),
    });
    assert!(told.message.contains("TLS 1.2"), "{told}");
}
