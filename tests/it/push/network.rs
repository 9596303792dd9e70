//! No connection, or none that can be trusted.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::desk::*;
use crate::support::home::Home;
use crate::support::ports;
use crate::support::stub::{Answer, Stub};

#[test]
fn a_refused_connection_keeps_the_batch() {
    let port = ports::lease();
    let home = home_for(&format!("http://127.0.0.1:{}", port.number));
    unreachable(&home, &format!("127.0.0.1:{}", port.number), "check that the backend runs");
    let backend = Backend::start(Answer::Accept);
    configure(&home, &backend.stub.url(), "", "");
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    assert_in_order(&backend.accepted());
    assert_eq!(backend.accepted().len(), 2);
}

#[test]
fn a_name_that_does_not_exist_keeps_the_batch() {
    let home = home_for("http://no-such-host.invalid:8080");
    unreachable(&home, "no-such-host.invalid:8080", "name resolution");
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused_before_anything_is_sent() {
    let (ca_pem, stub) = tls_stub();
    let home = home_for(&stub.url());
    unreachable(&home, "localhost", "point [tls] ca_file at the CA");
    assert!(stub.requests().is_empty(), "{:?}", stub.log());
    let ca_file = home.state_dir().join("ca.pem");
    fs::write(&ca_file, ca_pem).unwrap();
    configure(&home, &stub.url(), "", &format!("[tls]\nca_file = \"{}\"", ca_file.display()));
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    let arrived = accepted(&stub);
    assert_in_order(&arrived);
    assert_eq!(arrived.len(), 2);
}

#[test]
fn tls_spoken_to_a_port_without_it_keeps_the_batch() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut greeting = [0; 3];
        socket.read_exact(&mut greeting).unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").unwrap();
        greeting
    });
    let home = home_for(&format!("https://{address}"));
    unreachable(&home, &address.to_string(), "check that the URL's port speaks TLS");
    assert_eq!(server.join().unwrap()[0], 22, "a TLS handshake");
}

#[track_caller]
fn unreachable(home: &Home, host: &str, advice: &str) {
    let run = home.cron();
    let log = home.log();
    assert_eq!(run.code, Some(1), "{log}");
    assert!(run.took < Duration::from_secs(RUN_S + 1), "{:?}", run.took);
    let told = lines(&log, "Push failed");
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains(host) && told[0].contains(advice), "{}", told[0]);
    assert_eq!(entries(home).len(), 1);
    assert_eq!(read_ledger(home).breaker.failures, 1);
}

fn tls_stub() -> (String, Stub) {
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = params.self_signed(&ca_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let own = own.signed_by(&key, &Issuer::new(params, ca_key)).unwrap();
    let stub =
        Stub::https(vec![own.der().clone()], key.serialize_der().try_into().unwrap(), |_| Answer::Accept);
    (ca_pem, stub)
}
