use std::error::Error as _;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

use crate::support::cluster::shared;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};
use crate::support::proxy::{Mode, Proxy};

const SHORT: Duration = Duration::from_millis(300);

#[test]
fn forwards_and_counts() {
    let proxy = before_a_server();
    let mut client = through(&proxy).unwrap();
    assert_eq!(length(&mut client, 100_000).unwrap(), 100_000);
    assert_eq!(proxy.connections(), 1);
    assert!(proxy.bytes_from_server() > 100_000, "{}", proxy.bytes_from_server());
    assert!(proxy.faults().is_empty());
}

#[test]
fn refuses_and_resets_new_connections_only() {
    let proxy = before_a_server();
    let mut open = through(&proxy).unwrap();
    proxy.set(Mode::Refuse);
    assert_eq!(io_kind(through(&proxy)), ErrorKind::ConnectionRefused);
    proxy.set(Mode::Reset);
    assert_eq!(io_kind(through(&proxy)), ErrorKind::ConnectionReset);
    assert_eq!(length(&mut open, 10).unwrap(), 10);
    proxy.set(Mode::Forward);
    assert!(through(&proxy).is_ok());
    assert_eq!(proxy.faults(), ["the port refuses", "connection 2: reset"]);
    assert_eq!(proxy.connections(), 3);
}

#[test]
fn stalls_a_new_connection_until_told_otherwise() {
    let proxy = before_a_server();
    proxy.set(Mode::Stall);
    let port = proxy.port();
    let connecting = meanwhile(move || connect(port).map(drop).is_ok());
    assert!(connecting.recv_timeout(SHORT).is_err(), "accepted, and silent");
    assert_eq!(proxy.faults(), ["connection 1: accepted and stalled"]);
    proxy.set(Mode::Forward);
    assert_eq!(connecting.recv_timeout(LONG), Ok(true));
}

#[test]
fn stalls_an_open_connection_after_some_bytes() {
    for mode in [Mode::Stall, Mode::StallAfter(0), Mode::StallAfter(5000)] {
        let proxy = before_a_server();
        let mut client = through(&proxy).unwrap();
        let before = proxy.bytes_from_server();
        proxy.set(mode);
        let asking = meanwhile(move || length(&mut client, 100_000).unwrap());
        assert!(asking.recv_timeout(SHORT).is_err(), "{mode:?}");
        let expected = if mode == Mode::StallAfter(5000) { 5000 } else { 0 };
        assert_eq!(proxy.bytes_from_server() - before, expected, "{mode:?}");
        assert!(proxy.faults()[0].starts_with("connection 1: stalled"), "{:?}", proxy.faults());
        proxy.set(Mode::Forward);
        assert_eq!(asking.recv_timeout(LONG), Ok(100_000));
    }
}

#[test]
fn cuts_a_connection_after_its_bytes() {
    let proxy = before_a_server();
    let mut client = through(&proxy).unwrap();
    let before = proxy.bytes_from_server();
    proxy.set(Mode::CutAfter(5000));
    let asking = meanwhile(move || length(&mut client, 100_000).is_err() && client.is_closed());
    assert_eq!(asking.recv_timeout(LONG), Ok(true));
    assert_eq!(proxy.bytes_from_server() - before, 5000);
    assert_eq!(proxy.faults(), ["connection 1: cut after 5000 bytes"]);
}

#[test]
fn cuts_an_idle_connection_at_once() {
    let proxy = before_a_server();
    let mut idle = std::net::TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    idle.set_read_timeout(Some(LONG)).unwrap();
    proxy.set(Mode::CutAfter(0));
    assert_eq!(std::io::Read::read(&mut idle, &mut [0]).unwrap(), 0);
    assert_eq!(proxy.faults(), ["connection 1: cut after 0 bytes"]);
}

#[test]
fn a_stalled_network_hides_from_the_server_that_its_client_is_gone() {
    let server = shared(majors()[0]);
    let proxy = before_a_server();
    let application = server.fresh_name("hidden");
    let mut client = through(&proxy).unwrap();
    client.batch_execute(&format!("set application_name = {application}")).unwrap();
    proxy.set(Mode::Stall);
    drop(client);
    eventually(LONG, || if proxy.faults().is_empty() { Err(()) } else { Ok(()) });
    assert_eq!(server.backends(&application).len(), 1);
    proxy.set(Mode::Forward);
    eventually(LONG, || match server.backends(&application) {
        left if left.is_empty() => Ok(()),
        left => Err(left),
    });
}

#[test]
fn slows_and_delays_what_the_server_says() {
    let proxy = before_a_server();
    let mut client = through(&proxy).unwrap();
    for (mode, at_least) in [(Mode::Slow { bytes_per_s: 50_000 }, 300), (Mode::Delay { ms: 200 }, 200)] {
        proxy.set(mode);
        let start = Instant::now();
        assert_eq!(length(&mut client, 20_000).unwrap(), 20_000);
        assert!(start.elapsed() >= Duration::from_millis(at_least), "{mode:?}: {:?}", start.elapsed());
    }
    assert_eq!(proxy.faults().len(), 2, "{:?}", proxy.faults());
}

fn before_a_server() -> Proxy {
    let server = shared(majors()[0]);
    Proxy::start(SocketAddr::from(([127, 0, 0, 1], server.port())))
}

fn through(proxy: &Proxy) -> Result<Client, postgres::Error> {
    connect(proxy.port())
}

fn connect(port: u16) -> Result<Client, postgres::Error> {
    postgres::Config::new().host("127.0.0.1").port(port).user("postgres").dbname("postgres").connect(NoTls)
}

fn length(client: &mut Client, of: i32) -> Result<usize, postgres::Error> {
    let row = client.query_one("select repeat('x', $1)", &[&of])?;
    Ok(row.get::<_, String>(0).len())
}

fn io_kind(result: Result<Client, postgres::Error>) -> ErrorKind {
    let error = result.err().expect("the connection fails");
    error.source().and_then(|s| s.downcast_ref::<std::io::Error>()).expect("of the network").kind()
}

fn meanwhile<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(work()));
    receiver
}
