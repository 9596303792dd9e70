//! The replication protocol by hand: as much of a standby as it takes to hold a server's horizon, or to begin a backup.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::cluster::Cluster;

pub(super) struct Walsender(TcpStream);

impl Walsender {
    pub(super) fn open(server: &Cluster) -> Walsender {
        let mut socket = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        let names = b"user\0postgres\0application_name\0stand-in\0replication\0true\0\0";
        socket.write_all(&(names.len() as u32 + 8).to_be_bytes()).unwrap();
        socket.write_all(&196_608_u32.to_be_bytes()).unwrap();
        socket.write_all(names).unwrap();
        let mut sender = Walsender(socket);
        sender.until(b'Z');
        sender
    }

    pub(super) fn sends(&mut self, text: &str) {
        self.message(b'Q', format!("{text}\0").as_bytes());
    }

    /// Streams from here on, for a slot or for none.
    pub(super) fn streams(&mut self, server: &Cluster, slot: Option<&str>) {
        let lsn: String = server.one("postgres", "select pg_current_wal_flush_lsn()::text");
        let slot = slot.map_or(String::new(), |slot| format!("SLOT {slot} "));
        self.sends(&format!("START_REPLICATION {slot}PHYSICAL {lsn}"));
        self.until(b'W');
    }

    /// What a standby says with hot_standby_feedback on.
    pub(super) fn holds(&mut self, xmin: u32) {
        let mut feedback = vec![b'h'];
        feedback.extend(0_i64.to_be_bytes());
        for number in [xmin, 0, 0, 0] {
            feedback.extend(number.to_be_bytes());
        }
        self.message(b'd', &feedback);
    }

    fn message(&mut self, kind: u8, body: &[u8]) {
        self.0.write_all(&[kind]).unwrap();
        self.0.write_all(&(body.len() as u32 + 4).to_be_bytes()).unwrap();
        self.0.write_all(body).unwrap();
    }

    fn until(&mut self, wanted: u8) {
        loop {
            let mut head = [0; 5];
            self.0.read_exact(&mut head).unwrap();
            let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize - 4;
            let mut body = vec![0; length];
            self.0.read_exact(&mut body).unwrap();
            assert!(head[0] != b'E', "{}", String::from_utf8_lossy(&body));
            if head[0] == wanted {
                return;
            }
        }
    }
}
