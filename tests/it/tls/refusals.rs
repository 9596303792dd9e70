//! What a server says when it lets nobody in, or not to that database.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use pganalytics::config::SslMode;
use pganalytics::pg::connect as pg;
use pganalytics::pg::progress::Progress;
use pganalytics::pg::refusal::{Kind, Scope};
use pganalytics::pg::tls::Connector;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, getsockname, listen, socket_with};
use rustix::process::{Pid, Signal, kill_process};

use super::certs::Authority;
use super::postgres::{Encrypted, open, open_database, refused, server};
use crate::support::cluster::{Cluster, shared};
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

#[test]
fn a_database_that_refuses_costs_itself_alone() {
    for major in majors() {
        let cluster = shared(major);
        let (role, closed) = (cluster.fresh_name("mon"), cluster.fresh_database("closed"));
        cluster.sql("postgres", &format!("create role {role} login"));
        cluster.sql("postgres", &format!("revoke connect on database {closed} from public"));
        let mon = server(cluster, &role, SslMode::Prefer);
        let into = |database: &str| open_database(&mon, database, None);
        drop(into("postgres").unwrap_or_else(|why| panic!("{why}")));
        let grant = format!("grant connect on database \"{closed}\" to \"{role}\"");
        refused(into(&closed), Kind::NoConnectPrivilege, Scope::Database, &["42501", &grant]);
        refused(into("no_such"), Kind::NoDatabase, Scope::Database, &["3D000", "\"no_such\" does not exist"]);
        refused(into("template0"), Kind::NotAccepting, Scope::Database, &["55000", "exclude_databases"]);
    }
}

#[test]
fn limits_say_whose_they_are() {
    for major in majors() {
        let mut cluster = Cluster::start(major, &[]);
        cluster.sql("postgres", "create role mon login connection limit 1; create role other login");
        cluster.sql("postgres", "create database narrow connection limit 1");
        let (mon, other) =
            (server(&cluster, "mon", SslMode::Prefer), server(&cluster, "other", SslMode::Prefer));
        let first = open(&mon, None).unwrap_or_else(|why| panic!("{why}"));
        let full = |result, scope, part: &str| {
            refused(result, Kind::TooManyConnections, scope, &["53300", part]);
        };
        full(open(&mon, None), Scope::Server, "the role's connection limit");
        drop(first);
        let first = open_database(&other, "narrow", None).unwrap_or_else(|why| panic!("{why}"));
        full(open_database(&other, "narrow", None), Scope::Database, "connection limit of database narrow");
        drop(first);
        cluster.sql("postgres", "alter system set max_connections = 5");
        cluster.sql("postgres", "alter system set superuser_reserved_connections = 3");
        cluster.sql("postgres", "alter system set max_wal_senders = 0");
        cluster.restart();
        let mut held = Vec::new();
        let found = loop {
            match open(&other, None) {
                Ok(connection) => held.push(connection),
                refusal => break refusal,
            }
        };
        full(found, Scope::Server, "pg_use_reserved_connections");
    }
}

#[test]
fn pg_hba_goes_by_database() {
    let authority = Authority::new("ours");
    let running = Encrypted::start(18, &authority, &authority.server(&["localhost"]));
    let server = running.server("onedb", SslMode::Prefer);
    drop(open(&server, None).unwrap_or_else(|why| panic!("{why}")));
    let elsewhere = open_database(&server, "template1", None);
    refused(elsewhere, Kind::Auth, Scope::Database, &["no pg_hba.conf entry", "line for database template1"]);
    let nobody = running.server("nobody_of_that_name", SslMode::Disable);
    refused(open(&nobody, None), Kind::Auth, Scope::Database, &["no pg_hba.conf entry"]);
}

#[test]
fn a_role_that_is_not_there() {
    let nobody = server(shared(18), "nobody_of_that_name", SslMode::Prefer);
    refused(open(&nobody, None), Kind::Auth, Scope::Server, &["28000", "check that the role exists"]);
}

#[test]
fn a_server_that_is_going_down() {
    let cluster = Cluster::start(18, &[]);
    let mon = server(&cluster, "postgres", SslMode::Prefer);
    let last = open(&mon, None).unwrap_or_else(|why| panic!("{why}"));
    // A smart shutdown waits for the sessions that are left.
    kill_process(Pid::from_raw(cluster.pid()).unwrap(), Signal::TERM).unwrap();
    let found = eventually(LONG, || match open(&mon, None) {
        Ok(_) => Err("it lets in yet"),
        refusal => Ok(refusal),
    });
    refused(found, Kind::CannotConnectNow, Scope::Server, &["57P03", "next run"]);
    drop(last);
}

/// Its queue of connections is full: one more gets no answer.
fn silent_port() -> (OwnedFd, Vec<OwnedFd>, u16) {
    let open = || socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::NONBLOCK, None).unwrap();
    let listener = open();
    bind(&listener, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    listen(&listener, 0).unwrap();
    let address = SocketAddr::try_from(getsockname(&listener).unwrap()).unwrap();
    let waiting: Vec<_> = (0..8).map(|_| open()).collect();
    for socket in &waiting {
        let _ = connect(socket, &address);
    }
    (listener, waiting, address.port())
}

#[test]
fn a_host_that_does_not_answer_costs_its_time_and_no_more() {
    let (_listener, _waiting, silent) = silent_port();
    let mut server = server(shared(18), "postgres", SslMode::Prefer);
    let answering = std::mem::replace(&mut server.hosts, vec![("127.0.0.1".into(), silent)]);
    server.connect_timeout = Duration::from_millis(300);
    let began = Instant::now();
    refused(open(&server, None), Kind::Timeout, Scope::Server, &["raise connect_timeout"]);
    server.connect_timeout = Duration::ZERO;
    let soon = pg::connect(
        &server,
        "postgres",
        Instant::now() + Duration::from_millis(300),
        &Progress::default(),
        &Connector::default(),
    );
    refused(soon, Kind::Timeout, Scope::Server, &["connect_timeout"]);
    assert!(began.elapsed() > Duration::from_millis(500), "{:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    server.connect_timeout = Duration::from_millis(300);
    server.hosts.extend(answering);
    open(&server, None).unwrap_or_else(|why| panic!("{why}"));
}
