use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use super::scene::{Items, assert_code, configure, home, later, ledger, named, nothing_left, watched};
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::poll::{LONG, SOON};
use crate::support::proxy::{Mode, Proxy};

/// Patience with these is four seconds.
const SHORT: &str = "connect_timeout = 1\nstatement_timeout_ms = 1000";

fn before(cluster: &Cluster, mode: Mode) -> Proxy {
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], cluster.port())));
    proxy.set(mode);
    proxy
}

/// With TLS, so that a handshake can stall inside it.
fn with_tls() -> Cluster {
    let mut cluster = watched(18, &[]);
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for (name, text) in [("server.crt", made.cert.pem()), ("server.key", made.signing_key.serialize_pem())] {
        let path = cluster.data_dir().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let conf = cluster.data_dir().join("postgresql.conf");
    let text = fs::read_to_string(&conf).unwrap();
    fs::write(&conf, text + "ssl = on\n").unwrap();
    cluster.restart();
    cluster.sql("postgres", "create table t as select g from generate_series(1, 100) g");
    cluster
}

#[test]
fn silent_servers_cost_themselves_alone_and_are_left_alone_next_time() {
    let cluster = with_tls();
    let plain = before(&cluster, Mode::Stall);
    let in_tls = before(&cluster, Mode::StallAfter(1));
    for threads in [1, 4] {
        let mid_row = before(&cluster, Mode::StallAfter(3000));
        let home = home(
            "run_timeout = 30",
            &format!(
                "{}{}{}{}[collector_threading]\nthread_pool_size = {threads}\n",
                named("a", plain.port(), "\"*\"", SHORT),
                named("b", in_tls.port(), "\"*\"", &format!("sslmode = \"require\"\n{SHORT}")),
                named("c", mid_row.port(), "\"*\"", SHORT),
                named("d", cluster.port(), "\"*\"", SHORT),
            ),
        );
        let run = home.cron();
        assert_code(&home, &run, 1);
        assert!(run.took < SOON, "{threads} threads: {:?}", run.took);
        for (proxy, fault) in [
            (&plain, "accepted and stalled"),
            (&in_tls, "stalled after its bytes"),
            (&mid_row, "stalled after its bytes"),
        ] {
            assert!(proxy.faults().iter().any(|line| line.contains(fault)), "{:?}", proxy.faults());
        }
        let items = Items::last(&home);
        items.assert_host();
        assert_eq!(items.of("pg_stats", "d", Some("postgres"))["outcome"], "ok");
        for server in ["a", "b"] {
            let part = &items.of("pg_stats", server, None)["parts"]["tables"];
            assert_eq!(part["reason"], "server_refused", "{part}");
            assert!(
                part["detail"].as_str().unwrap().contains("accepts connections and never answers"),
                "{part}"
            );
        }
        let cut = items.of("pg_stats", "c", Some("postgres"));
        assert_eq!(cut["outcome"], "failed", "{cut}");
        assert!(cut["parts"].as_object().unwrap().values().any(|p| p["reason"] == "timeout"), "{cut}");

        // The next minute: no connection, no waiting.
        mid_row.set(Mode::Forward);
        later(&home, 60);
        let (a, b) = (plain.connections(), in_tls.connections());
        let run = home.cron();
        assert_code(&home, &run, 1);
        assert!(run.took < SOON, "{:?}", run.took);
        assert_eq!((plain.connections(), in_tls.connections()), (a, b));
        let items = Items::last(&home);
        for server in ["a", "b"] {
            let part = &items.of("pg_stats", server, None)["parts"]["tables"];
            assert!(part["detail"].as_str().unwrap().contains("left alone for"), "{part}");
            assert!(home.log().contains(&format!("server {server}: left alone for")), "{}", home.log());
        }
        assert_eq!(items.of("pg_stats", "c", Some("postgres"))["outcome"], "ok");
        // A person who asks for everything gets an answer of today.
        plain.set(Mode::Forward);
        assert_code(&home, &home.run(&["cron", "--force"]), 1);
        assert_eq!(Items::last(&home).of("pg_stats", "a", Some("postgres"))["outcome"], "ok");
        plain.set(Mode::Stall);
    }
}

#[test]
fn the_deadline_comes_first_and_the_silence_is_remembered() {
    let cluster = watched(18, &[]);
    let proxy = before(&cluster, Mode::Stall);
    let server = named("a", proxy.port(), "\"*\"", "") + &named("d", cluster.port(), "\"*\"", "");
    let home = home("run_timeout = 5", &server);
    let run = home.cron();
    assert_code(&home, &run, 1);
    assert!(run.took < Duration::from_secs(6), "{:?}", run.took);
    Items::last(&home).assert_complete("postgres");
    assert!(ledger(&home).servers["a"].until.is_some());
}

/// Names are asked of a server that is not there, in a network and with a resolv.conf of the program's own; the
/// healthy server is reached by its socket.
#[test]
fn a_name_that_is_never_resolved() {
    let cluster = watched(18, &[]);
    let home = home("run_timeout = 30", "");
    let healthy = format!(
        "[[servers]]\nname = \"d\"\nhost = \"{}\"\nport = {}\nuser = \"mon\"\ndatabases = \"*\"\n",
        cluster.socket_dir().display(),
        cluster.port()
    );
    let unresolved = format!(
        "[[servers]]\nname = \"a\"\nhost = \"db.example.net\"\nuser = \"mon\"\ndatabases = \"*\"\n{SHORT}\n"
    );
    configure(&home, "run_timeout = 30", &(unresolved + &healthy));
    let run = isolated(&home);
    let items = Items::last(&home);
    let part = &items.of("pg_stats", "a", None)["parts"]["tables"];
    assert!(part["detail"].as_str().unwrap().contains("name"), "{part}");
    assert!(run.took > Duration::from_secs(3), "the resolver hung: {:?} {part}", run.took);
    assert_code(&home, &run, 1);
    assert!(run.took < SOON, "{:?}", run.took);
    assert_eq!(items.of("pg_stats", "d", Some("postgres"))["outcome"], "ok");
    assert_eq!(
        ledger(&home).servers["a"].until,
        None,
        "nothing of ours can be left on a server without an address"
    );
    nothing_left(&cluster, Duration::from_secs(1));
}

fn isolated(home: &Home) -> crate::support::home::Run {
    let resolv = home.target_dir().with_file_name("resolv.conf");
    fs::write(&resolv, "nameserver 10.99.99.99\noptions timeout:5 attempts:2\n").unwrap();
    let hosts = home.target_dir().with_file_name("nsswitch.conf");
    fs::write(&hosts, "hosts: files dns\npasswd: files\n").unwrap();
    let mut program = Command::new("unshare");
    program.args(["--map-root-user", "--net", "--mount", "sh", "-ec"]).arg(
        "ip link set lo up; ip addr add 10.99.99.1/24 dev lo; ip route add 10.99.99.99 dev lo 2>/dev/null || true; \
         mount --bind \"$1\" /etc/resolv.conf; mount --bind \"$2\" /etc/nsswitch.conf; shift 2; exec \"$@\"",
    );
    program.arg("sh").args([&resolv, &hosts]).arg(env!("CARGO_BIN_EXE_pganalytics"));
    program.arg("--config").arg(home.config_path()).arg("cron");
    let home_env = home.spawn_command(program);
    home_env.wait(LONG)
}
