//! Connections on which nothing comes, or not enough: nobody holds one for ever, at whatever point they stop.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bed::api::Api;

use crate::persons::newest;
use crate::tls;

/// A head may take 15 s, a handshake 10; a busy machine gets as long again.
const CLOSED_WITHIN: Duration = Duration::from_secs(40);

fn connect(api: &Api, said: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(("127.0.0.1", api.port())).unwrap();
    socket.set_read_timeout(Some(CLOSED_WITHIN)).unwrap();
    socket.write_all(said).unwrap();
    socket
}

/// Whatever is said before.
#[track_caller]
fn is_closed(mut wire: impl Read, what: &str) {
    let mut said = Vec::new();
    match wire.read_to_end(&mut said) {
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            panic!("{what}: it is open still, and said {:?}", String::from_utf8_lossy(&said))
        }
        _ => {}
    }
}

#[test]
fn a_connection_that_stops_anywhere_is_closed() {
    let api = Api::start(newest(), &newest().fresh_database("silent"), &[]);
    let whole = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
    let places = [("nothing", 0), ("a letter", 1), ("half a head", 20), ("one request", whole.len())];
    let open = places.map(|(what, bytes)| (what, connect(&api, &whole[..bytes])));
    open.into_iter().for_each(|(what, socket)| is_closed(socket, what));
}

#[test]
fn a_handshake_that_stops_anywhere_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let (api, (trusted, _)) = tls::launch(dir.path(), &[]);
    bed::poll::eventually(bed::poll::LONG, || tls::https(api.port(), &trusted, None));
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc];
    let open = [("nothing", 0), ("half a hello", hello.len())];
    let open = open.map(|(what, bytes)| (what, connect(&api, &hello[..bytes])));
    let mut shaken = tls::wire(api.port(), &trusted, None).unwrap();
    shaken.sock.set_read_timeout(Some(CLOSED_WITHIN)).unwrap();
    shaken.flush().unwrap();
    while shaken.conn.is_handshaking() {
        shaken.conn.complete_io(&mut shaken.sock).unwrap();
    }
    open.into_iter().for_each(|(what, socket)| is_closed(socket, what));
    is_closed(shaken, "a handshake and nothing more");
}
