//! A request that is answered before its body was read leaves its connection fit for the next, or says that it does not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bed::api::Api;
use bed::cluster::shared;
use bed::majors;

fn api() -> Api {
    let server = shared(*majors().last().unwrap());
    Api::start(server, &server.fresh_database("unread"), &[])
}

struct Wire(TcpStream);

impl Wire {
    fn open(api: &Api) -> Wire {
        let socket = TcpStream::connect(("127.0.0.1", api.port())).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Wire(socket)
    }

    fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
    }

    /// The head of an answer, in lower case; its body is read too.
    #[track_caller]
    fn answer(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).expect("an answer, whole");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        self.0.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
        head
    }

    fn is_closed(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(0) | Err(_))
    }
}

/// With a token that counts nowhere.
fn head(length: usize, more: &str) -> String {
    format!(
        "POST /api/v1/metrics/push HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer none\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n"
    )
}

#[test]
fn who_was_refused_asks_again_on_the_same_connection() {
    let api = api();
    let mut wire = Wire::open(&api);
    for length in [2, 20_000, 200_000] {
        wire.send(&head(length, ""));
        // As from a client that writes head and body one after the other.
        std::thread::sleep(Duration::from_millis(20));
        wire.send(&"x".repeat(length));
        let refused = wire.answer();
        assert!(refused.starts_with("http/1.1 401 "), "{refused}");
        assert!(!refused.contains("connection: close"), "{refused}");
        wire.send("GET /healthz HTTP/1.1\r\nHost: api\r\n\r\n");
        assert!(wire.answer().starts_with("http/1.1 200 "), "after a body of {length}");
    }
}

#[test]
fn what_is_not_read_to_its_end_ends_the_connection_and_says_so() {
    let api = api();
    // Longer than anybody waits for, never sent, and to be asked for first.
    for (length, sent, more) in
        [(10_000_000, (256 << 10) + 1, ""), (1_000, 10, ""), (500_000, 0, "Expect: 100-continue\r\n")]
    {
        let mut wire = Wire::open(&api);
        wire.send(&head(length, more));
        wire.send(&"x".repeat(sent));
        let refused = wire.answer();
        assert!(refused.starts_with("http/1.1 401 "), "{refused}");
        assert!(refused.contains("connection: close"), "{refused}");
        assert!(wire.is_closed());
    }
}
