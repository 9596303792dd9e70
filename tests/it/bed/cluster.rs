use std::time::Duration;

use crate::support::cluster::{Cluster, shared};
use crate::support::majors;
use crate::support::poll::{LONG, eventually};
use crate::support::ports;

#[test]
fn each_major_has_a_shared_server_with_what_collectors_read() {
    for major in majors() {
        let server = shared(major);
        assert_eq!(
            server.one::<i32>("postgres", "select current_setting('server_version_num')::int / 10000"),
            major as i32
        );
        assert!(std::ptr::eq(server, shared(major)), "a second asking starts no second server");
        let database = server.fresh_database("bed");
        assert_ne!(database, server.fresh_database("bed"));
        server.sql(
            &database,
            "create extension pg_stat_statements; create table t (a int); insert into t values (7)",
        );
        assert_eq!(server.one::<i32>(&database, "select a from t"), 7);
        assert!(server.one::<bool>(&database, "select count(*) > 0 from pg_stat_statements"));
        assert_eq!(server.one::<String>("postgres", "show wal_level"), "logical");
    }
}

#[test]
fn settings_of_a_test_win_and_the_socket_answers() {
    let server = Cluster::start(newest(), &[("max_connections", "7"), ("cluster_name", "it's one")]);
    assert_eq!(server.one::<String>("postgres", "show max_connections"), "7");
    assert_eq!(server.one::<String>("postgres", "show cluster_name"), "it's one");
    let mut config = postgres::Config::new();
    config.host_path(server.socket_dir()).port(server.port()).user("postgres");
    let mut client = config.connect(postgres::NoTls).unwrap();
    assert!(client.query_one("select inet_server_port() is null", &[]).unwrap().get::<_, bool>(0));
    assert!(server.data_dir().join("PG_VERSION").exists());
}

#[test]
fn a_crash_loses_nothing_and_a_restart_recovers() {
    for major in majors() {
        let mut server = Cluster::start(major, &[("synchronous_commit", "on")]);
        server.sql("postgres", "create table t as select generate_series(1, 1000) a");
        let mark = server.log_mark();
        let sleeping = server.conn("postgres");
        server.kill9();
        assert!(refused(&server), "PostgreSQL {major} is gone");
        assert!(sleeping.is_closed() || !server.log_text().is_empty());
        server.restart();
        assert_eq!(server.one::<i64>("postgres", "select count(*) from t"), 1000);
        assert!(server.log_since(mark).contains("not properly shut down"), "{}", server.log_since(mark));
    }
}

#[test]
fn a_stopped_server_refuses_and_keeps_its_port() {
    let mut server = Cluster::start(newest(), &[]);
    let mark = server.log_mark();
    server.stop();
    assert!(refused(&server));
    assert!(ports::try_lease(server.port()).is_none(), "no other test gets the port meanwhile");
    assert!(server.log_since(mark).contains("database system is shut down"));
    server.restart();
    assert_eq!(server.one::<i32>("postgres", "select 1"), 1);
}

#[test]
fn a_paused_backend_answers_when_it_is_resumed() {
    let server = shared(newest());
    let role = server.fresh_name("paused");
    server.sql("postgres", &format!("create role {role} login"));
    let mut config = postgres::Config::new();
    config.host("127.0.0.1").port(server.port()).user(&role).dbname("postgres");
    let mut client = config.connect(postgres::NoTls).unwrap();
    let pids = server.backends(&role);
    assert_eq!(pids.len(), 1);
    server.pause(pids[0]);
    let (sender, receiver) = std::sync::mpsc::channel();
    let asking =
        std::thread::spawn(move || sender.send(client.query("select 1", &[]).unwrap().len()).unwrap());
    assert!(receiver.recv_timeout(Duration::from_millis(200)).is_err(), "a stopped backend is silent");
    server.resume(pids[0]);
    assert_eq!(receiver.recv_timeout(LONG), Ok(1));
    asking.join().unwrap();
    eventually(LONG, || if server.backends(&role).is_empty() { Ok(()) } else { Err(server.backends(&role)) });
}

#[test]
fn a_paused_postmaster_accepts_and_is_silent_and_still_ends() {
    let server = Cluster::start(newest(), &[]);
    server.pause(server.pid());
    let address = ([127, 0, 0, 1], server.port()).into();
    let mut socket = std::net::TcpStream::connect_timeout(&address, LONG).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    std::io::Write::write_all(&mut socket, &[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
    let silence = std::io::Read::read(&mut socket, &mut [0]).unwrap_err();
    assert_eq!(silence.kind(), std::io::ErrorKind::WouldBlock);
    drop(server);
    let refused = std::net::TcpStream::connect_timeout(&address, LONG).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

fn newest() -> u32 {
    majors().into_iter().max().unwrap()
}

fn refused(server: &Cluster) -> bool {
    let answer = std::net::TcpStream::connect(("127.0.0.1", server.port()));
    answer.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused)
}
