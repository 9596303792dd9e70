//! PostgreSQL with each kind of certificate, asked in each mode.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pganalytics::config::{Databases, Passwords, Server, Ssl, SslMode};
use pganalytics::pg::connect::{Connection, connect};
use pganalytics::pg::progress::Progress;
use pganalytics::pg::refusal::{Kind, Refusal, Scope};
use pganalytics::pg::tls::Connector;
use secrecy::SecretString;

use super::certs::{Authority, Pair, self_signed};
use crate::support::cluster::{Cluster, shared};
use crate::support::majors;

/// The roles that the tests here log in as, and how each is let in.
const HBA: &str = "\
local   all      all         trust
host    all      postgres    127.0.0.1/32 trust
host    all      open        127.0.0.1/32 trust
hostssl all      scram       127.0.0.1/32 scram-sha-256
hostssl all      certified   127.0.0.1/32 cert
hostnossl all    unencrypted 127.0.0.1/32 trust
host    postgres onedb       127.0.0.1/32 trust
";

/// A server with TLS, whose clients' certificates `authority` signs.
pub(super) struct Encrypted {
    pub(super) cluster: Cluster,
}

impl Encrypted {
    pub(super) fn start(major: u32, authority: &Authority, shown: &Pair) -> Encrypted {
        let cluster = Cluster::start(major, &[]);
        for role in ["open", "scram password 'right'", "certified", "unencrypted", "onedb"] {
            cluster.sql(
                "postgres",
                &format!("set password_encryption = 'scram-sha-256'; create role {role} login"),
            );
        }
        fs::write(cluster.data_dir().join("pg_hba.conf"), HBA).unwrap();
        authority.file(&cluster.data_dir(), "root.crt");
        cluster.sql("postgres", "alter system set ssl = on");
        cluster.sql("postgres", "alter system set ssl_ca_file = 'root.crt'");
        let mut server = Encrypted { cluster };
        server.show(shown);
        server
    }

    fn show(&mut self, pair: &Pair) {
        pair.write(&self.cluster.data_dir(), "server");
        self.cluster.restart();
    }

    pub(super) fn server(&self, user: &str, mode: SslMode) -> Server {
        server(&self.cluster, user, mode)
    }
}

pub(crate) fn server(cluster: &Cluster, user: &str, mode: SslMode) -> Server {
    Server {
        name: "main".into(),
        hosts: vec![("localhost".into(), cluster.port())],
        user: user.into(),
        password: Passwords::default(),
        database: "postgres".into(),
        databases: Databases::All,
        exclude_databases: Vec::new(),
        ssl: Ssl { mode, root_cert: None, client: None },
        connect_timeout: Duration::from_secs(10),
        lock_timeout: Duration::from_millis(100),
        statement_timeout: Duration::from_secs(5),
        log_file: None,
    }
}

pub(super) fn open(server: &Server, password: Option<&str>) -> Result<Connection, Refusal> {
    open_database(server, &server.database, password)
}

pub(super) fn open_database(
    server: &Server,
    database: &str,
    password: Option<&str>,
) -> Result<Connection, Refusal> {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut server = server.clone();
    server.password = password.map(SecretString::from).map(Passwords::given).unwrap_or_default();
    connect(&server, database, deadline, &Progress::default(), &Connector::default())
}

fn is_encrypted(connection: &mut Connection) -> bool {
    let text = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    connection.client.query_one(text, &[]).unwrap().get(0)
}

#[track_caller]
pub(super) fn refused(result: Result<Connection, Refusal>, kind: Kind, scope: Scope, parts: &[&str]) {
    let refusal = result.err().expect("a refusal");
    assert_eq!((refusal.kind, refusal.scope()), (kind, scope), "{refusal}");
    for part in parts {
        assert!(refusal.message.contains(part), "{:?} lacks {part:?}", refusal.message);
    }
}

const PLAIN: Result<bool, &str> = Ok(false);
const TLS: Result<bool, &str> = Ok(true);

/// In the order disable, prefer, require, require with a root file, verify-ca, verify-full.
#[track_caller]
fn check(cluster: &Cluster, what: &str, root: &Path, expected: [Result<bool, &str>; 6]) {
    use SslMode::{Disable, Prefer, Require, VerifyCa, VerifyFull};
    let root = || Some(root.to_owned());
    let modes = [
        (Disable, root()),
        (Prefer, root()),
        (Require, None),
        (Require, root()),
        (VerifyCa, root()),
        (VerifyFull, root()),
    ];
    for ((mode, root_cert), expected) in modes.into_iter().zip(expected) {
        let mut server = server(cluster, "postgres", mode);
        server.ssl.root_cert = root_cert;
        let at = format!("PostgreSQL {}, {what}, {:?}", cluster.major, server.ssl);
        match (open(&server, None), expected) {
            (Ok(mut found), Ok(encrypted)) => assert_eq!(is_encrypted(&mut found), encrypted, "{at}"),
            (Err(found), Err(part)) => {
                assert_eq!(found.kind, Kind::Tls, "{at}: {found}");
                assert!(found.message.contains(part), "{at}: {found} lacks {part:?}");
            }
            (Ok(_), Err(part)) => panic!("{at}: let in, not refused with {part:?}"),
            (Err(found), Ok(_)) => panic!("{at}: {found}"),
        }
    }
}

#[test]
fn every_mode_with_every_certificate() {
    let (authority, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let dir = tempfile::tempdir().unwrap();
    let root = authority.file(dir.path(), "root.crt");
    let here = ["localhost"];
    for major in majors() {
        let mut server = Encrypted::start(major, &authority, &authority.server(&here));
        check(&server.cluster, "right", &root, [PLAIN, TLS, TLS, TLS, TLS, TLS]);
        server.show(&authority.server(&["other.example.com"]));
        let name = Err("not valid for name");
        check(&server.cluster, "wrong name", &root, [PLAIN, TLS, TLS, TLS, TLS, name]);
        server.show(&stranger.server(&here));
        let unknown = Err("point sslrootcert at the CA");
        check(&server.cluster, "unknown CA", &root, [PLAIN, TLS, TLS, unknown, unknown, unknown]);
        server.show(&authority.expired(&here));
        let expired = Err("has expired: renew the server's certificate");
        check(&server.cluster, "expired", &root, [PLAIN, TLS, TLS, expired, expired, expired]);
        server.show(&authority.version_1());
        let old = Err("(UnsupportedCertVersion): have a CA of sslrootcert sign");
        check(&server.cluster, "X.509 v1", &root, [PLAIN, TLS, TLS, old, old, old]);
    }
}

#[test]
fn a_self_signed_certificate_is_its_own_root_while_it_is_the_same_one() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root.crt");
    let shown = self_signed(&["localhost"]);
    let mut server = Encrypted::start(18, &Authority::new("clients"), &shown);
    fs::write(&root, &shown.certificate).unwrap();
    check(&server.cluster, "self-signed", &root, [PLAIN, TLS, TLS, TLS, TLS, TLS]);
    fs::write(&root, self_signed(&["localhost"]).certificate).unwrap();
    let other = Err("put a self-signed one into sslrootcert");
    check(&server.cluster, "another self-signed", &root, [PLAIN, TLS, TLS, other, other, other]);
    let shown = self_signed(&["other.example.com"]);
    server.show(&shown);
    fs::write(&root, &shown.certificate).unwrap();
    let name = Err("not valid for name");
    check(&server.cluster, "self-signed for another name", &root, [PLAIN, TLS, TLS, TLS, TLS, name]);
}

#[test]
fn a_server_without_tls() {
    let dir = tempfile::tempdir().unwrap();
    let root = Authority::new("ours").file(dir.path(), "root.crt");
    let none = Err("set ssl = on");
    for major in majors() {
        check(shared(major), "without TLS", &root, [PLAIN, PLAIN, none, none, none, none]);
    }
}

#[test]
fn a_client_certificate_is_the_login() {
    let (authority, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let dir = tempfile::tempdir().unwrap();
    let files = |pair: Pair, name: &str| Some(pair.write(dir.path(), name));
    let own = files(authority.client("certified"), "own");
    let others = files(authority.client("somebody else"), "others");
    let unknown = files(stranger.client("certified"), "unknown");
    for major in majors() {
        let running = Encrypted::start(major, &authority, &authority.server(&["localhost"]));
        let with = |client: &Option<(PathBuf, PathBuf)>| {
            let mut server = running.server("certified", SslMode::Require);
            server.ssl.client = client.clone();
            open(&server, None)
        };
        assert!(is_encrypted(&mut with(&own).unwrap_or_else(|why| panic!("{major}: {why}"))));
        let without = "connection requires a valid client certificate";
        refused(with(&None), Kind::Auth, Scope::Database, &[without, "28000"]);
        refused(with(&others), Kind::Auth, Scope::Server, &["28000", "meets the method"]);
        refused(with(&unknown), Kind::Tls, Scope::Server, &["check sslcert and sslkey"]);
    }
}

#[test]
fn a_password_goes_over_tls_bound_to_its_channel() {
    let authority = Authority::new("ours");
    for major in majors() {
        let running = Encrypted::start(major, &authority, &authority.server(&["localhost"]));
        let server = running.server("scram", SslMode::Prefer);
        assert!(is_encrypted(
            &mut open(&server, Some("right")).unwrap_or_else(|why| panic!("{major}: {why}"))
        ));
        refused(open(&server, Some("wr0ng")), Kind::Auth, Scope::Server, &["28P01", "correct password"]);
        let told = open(&server, Some("wr0ng")).err().unwrap();
        assert!(!format!("{told} {told:?}").contains("wr0ng"));
        refused(open(&server, None), Kind::Auth, Scope::Server, &["password missing", "set password"]);

        let connector = Connector::default().get(&server.ssl).unwrap().expect("TLS is to be tried");
        let mut config = postgres::Config::new();
        config
            .host("localhost")
            .port(running.cluster.port())
            .user("scram")
            .password("right")
            .dbname("postgres");
        config.channel_binding(postgres::config::ChannelBinding::Require);
        config.connect(connector).unwrap_or_else(|why| panic!("{major}: {why:?}"));
    }
}

#[test]
fn prefer_is_content_with_plain_where_only_plain_is_let_in() {
    let authority = Authority::new("ours");
    for major in majors() {
        let running = Encrypted::start(major, &authority, &authority.server(&["localhost"]));
        let mut found = open(&running.server("unencrypted", SslMode::Prefer), None).unwrap();
        assert!(!is_encrypted(&mut found));
        let strict = open(&running.server("unencrypted", SslMode::Require), None);
        refused(strict, Kind::Auth, Scope::Database, &["no pg_hba.conf entry", "pg_hba.conf"]);
        let plain = open(&running.server("scram", SslMode::Disable), Some("right"));
        refused(plain, Kind::Auth, Scope::Database, &["no pg_hba.conf entry"]);
    }
}

#[test]
fn a_socket_needs_no_tls_whatever_the_mode() {
    let cluster = shared(18);
    let socket = (cluster.socket_dir().display().to_string(), cluster.port());
    // Neither alone nor in a list with hosts that do.
    for (mode, hosts) in [
        (SslMode::VerifyFull, vec![socket.clone()]),
        (SslMode::Require, vec![socket, ("localhost".into(), cluster.port())]),
    ] {
        let server = Server { hosts, ..server(cluster, "postgres", mode) };
        assert!(!is_encrypted(&mut open(&server, None).unwrap_or_else(|why| panic!("{why}"))));
    }
}

#[test]
fn a_running_statement_is_cancelled_from_another_thread() {
    let authority = Authority::new("ours");
    for major in majors() {
        let running = Encrypted::start(major, &authority, &authority.server(&["localhost"]));
        for mode in [SslMode::Disable, SslMode::Prefer, SslMode::Require] {
            let mut connection = open(&running.server("open", mode), None).unwrap();
            let canceller = connection.canceller();
            let sleeping =
                std::thread::spawn(move || connection.client.batch_execute("select pg_sleep(600)"));
            // Cancelling what has not begun yet does nothing, so it is asked until it shows.
            crate::support::poll::eventually(crate::support::poll::LONG, || {
                canceller.cancel().unwrap();
                if sleeping.is_finished() { Ok(()) } else { Err("it sleeps on") }
            });
            let ended = sleeping.join().unwrap().expect_err("cancelled");
            assert_eq!(ended.code(), Some(&postgres::error::SqlState::QUERY_CANCELED), "{major} {mode:?}");
        }
    }
}
