//! What needs no PostgreSQL: addresses where nobody, or somebody else, answers.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::super::refusal::{Kind, Scope};
use super::*;
use crate::config::{Databases, Passwords, Ssl};
use secrecy::SecretString;

fn server(hosts: &[(&str, u16)], mode: SslMode) -> Server {
    Server {
        name: "main".into(),
        hosts: hosts.iter().map(|(host, port)| ((*host).to_owned(), *port)).collect(),
        user: "mon".into(),
        password: Passwords::given(SecretString::from("hunter2")),
        database: "postgres".into(),
        databases: Databases::All,
        exclude_databases: Vec::new(),
        ssl: Ssl { mode, root_cert: None, client: None },
        connect_timeout: Duration::from_secs(5),
        lock_timeout: Duration::from_millis(100),
        statement_timeout: Duration::from_secs(5),
        log_file: None,
    }
}

#[track_caller]
fn refused(server: &Server, kind: Kind, parts: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let refusal = connect(server, "postgres", deadline, &Progress::default(), &Connector::default())
        .err()
        .expect("a refusal");
    assert_eq!(refusal.kind, kind, "{refusal}");
    assert_eq!((refusal.scope(), &refusal.sqlstate), (Scope::Server, &None));
    for part in parts {
        assert!(refusal.message.contains(part), "{:?} lacks {part:?}", refusal.message);
    }
    assert!(!format!("{refusal:?}").contains("hunter2"));
}

/// tcpmux: nobody has listened there for decades.
const AWAY: u16 = 1;

/// Answers each connection's first bytes with these, and closes.
fn answering(answers: &'static [&'static [u8]]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut socket, _) = listener.accept().unwrap();
            let mut ignored = [0; 1024];
            let _ = socket.read(&mut ignored);
            let _ = socket.write_all(answer);
        }
    });
    port
}

#[test]
fn nobody_there() {
    refused(
        &server(&[("127.0.0.1", AWAY)], SslMode::Prefer),
        Kind::Refused,
        &["127.0.0.1:1: ", "PostgreSQL runs"],
    );
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().to_str().unwrap();
    refused(
        &server(&[(socket, 5432)], SslMode::VerifyFull),
        Kind::Refused,
        &["/.s.PGSQL.5432", "PostgreSQL runs"],
    );
}

#[test]
fn no_such_name() {
    let unknown = server(&[("no-such-host.invalid", 5432)], SslMode::Prefer);
    refused(&unknown, Kind::Resolve, &["no-such-host.invalid", "name resolution"]);
}

#[test]
fn no_host_at_all() {
    refused(&server(&[], SslMode::Prefer), Kind::Other, &["server main", "set host"]);
}

#[test]
fn something_else_answers() {
    let cut = answering(&[b""]);
    refused(&server(&[("127.0.0.1", cut)], SslMode::Disable), Kind::Refused, &["cut before an answer"]);
    let web = answering(&[b"HTTP/1.1 400 Bad Request\r\n\r\n"]);
    refused(&server(&[("127.0.0.1", web)], SslMode::Disable), Kind::Other, &["PostgreSQL's"]);
    let plain = answering(&[b"N"]);
    refused(&server(&[("127.0.0.1", plain)], SslMode::Require), Kind::Tls, &["set ssl = on"]);
    let broken = answering(&[b"Snonsense", b""]);
    refused(&server(&[("127.0.0.1", broken)], SslMode::Require), Kind::Tls, &["TLS"]);
}

#[test]
fn prefer_goes_on_in_plain_where_tls_fails() {
    let port = answering(&[b"Snonsense", b"R\0\0\0\x0c\0\0\0\x05salt"]);
    // The second connection came that far only because it was plain.
    refused(&server(&[("127.0.0.1", port)], SslMode::Prefer), Kind::Refused, &["cut before an answer"]);
}

#[test]
fn a_missing_root_file_is_told_before_anything_is_opened() {
    let mut strict = server(&[("127.0.0.1", AWAY)], SslMode::VerifyFull);
    refused(&strict, Kind::Tls, &["set sslrootcert"]);
    strict.ssl.mode = SslMode::Require;
    strict.ssl.client = Some(("/nonexistent.crt".into(), "/nonexistent.key".into()));
    refused(&strict, Kind::Tls, &["/nonexistent.crt"]);
}

#[test]
fn the_next_host_is_tried_where_the_first_is_away() {
    let web = answering(&[b"HTTP/1.1 400 Bad Request\r\n\r\n"]);
    refused(
        &server(&[("127.0.0.1", AWAY), ("127.0.0.1", web)], SslMode::Disable),
        Kind::Other,
        &["PostgreSQL's"],
    );
    let web = answering(&[b"HTTP/1.1 400 Bad Request\r\n\r\n"]);
    refused(
        &server(&[("127.0.0.1", web), ("127.0.0.1", AWAY)], SslMode::Disable),
        Kind::Other,
        &["PostgreSQL's"],
    );
}

#[test]
fn no_time_left() {
    let began = Instant::now();
    let web = answering(&[]);
    let refusal = connect(
        &server(&[("127.0.0.1", web)], SslMode::Disable),
        "postgres",
        began,
        &Progress::default(),
        &Connector::default(),
    );
    let refusal = refusal.err().expect("a refusal");
    assert_eq!(refusal.kind, Kind::Timeout, "{refusal}");
    assert!(refusal.message.contains("run_timeout"), "{refusal}");
}
