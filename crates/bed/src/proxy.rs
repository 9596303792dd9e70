//! A TCP proxy in front of a server whose network can be made bad, and good again, while connections are open.
//! It counts, and logs each fault that it applied, so that a test can prove that its fault happened.

mod pump;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::ports::{self, Port};

/// What befalls connections. Amounts count from the moment the mode is set, for each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Forward,
    /// Nothing listens: new connections are refused; open ones are left alone.
    Refuse,
    /// New connections are accepted and reset; open ones are left alone.
    Reset,
    /// New connections are accepted; nothing is forwarded on any, not even a close, until the mode changes.
    Stall,
    /// After so many bytes from the server the connection closes; after 0, at once.
    CutAfter(u64),
    /// After so many bytes from the server the connection goes silent both ways; not even a close gets through.
    StallAfter(u64),
    /// From the server.
    Slow {
        bytes_per_s: u64,
    },
    /// Before each piece that comes from the server.
    Delay {
        ms: u64,
    },
}

pub struct Proxy {
    port: Port,
    shared: Arc<Shared>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    target: SocketAddr,
    /// With the count of changes so far: a connection counts its bytes anew after each.
    mode: Mutex<(Mode, u64)>,
    /// The listener is to close, for now or for good.
    closing: AtomicBool,
    ended: AtomicBool,
    connections: AtomicU64,
    bytes_from_server: AtomicU64,
    faults: Mutex<Vec<String>>,
}

impl Proxy {
    pub fn start(target: SocketAddr) -> Proxy {
        let shared = Shared {
            target,
            mode: Mutex::new((Mode::Forward, 0)),
            closing: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            bytes_from_server: AtomicU64::new(0),
            faults: Mutex::default(),
        };
        let proxy = Proxy { port: ports::lease(), shared: Arc::new(shared), accepting: Mutex::default() };
        proxy.listen();
        proxy
    }

    pub fn port(&self) -> u16 {
        self.port.number
    }

    pub fn set(&self, mode: Mode) {
        let before = {
            let mut current = self.shared.lock_mode();
            let before = current.0;
            *current = (mode, current.1 + 1);
            before
        };
        match (before == Mode::Refuse, mode == Mode::Refuse) {
            (false, true) => {
                self.close();
                self.shared.fault("the port refuses".into());
            }
            (true, false) => self.listen(),
            _ => {}
        }
    }

    /// Connections taken so far; those reset at once count, refused ones cannot.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// What has been forwarded from the server, over all connections.
    pub fn bytes_from_server(&self) -> u64 {
        self.shared.bytes_from_server.load(Ordering::Relaxed)
    }

    /// The faults applied so far, one line each.
    pub fn faults(&self) -> Vec<String> {
        self.shared.faults.lock().unwrap().clone()
    }

    fn listen(&self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port.number)).unwrap();
        self.shared.closing.store(false, Ordering::Relaxed);
        let shared = self.shared.clone();
        *self.accepting.lock().unwrap() = Some(std::thread::spawn(move || shared.accept(&listener)));
    }

    /// Returns when the listener is closed.
    fn close(&self) {
        let Some(accepting) = self.accepting.lock().unwrap().take() else { return };
        self.shared.closing.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port.number));
        let _ = accepting.join();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        self.close();
    }
}

impl Shared {
    fn lock_mode(&self) -> MutexGuard<'_, (Mode, u64)> {
        self.mode.lock().unwrap()
    }

    fn fault(&self, line: String) {
        self.faults.lock().unwrap().push(line);
    }

    fn accept(self: Arc<Shared>, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            if self.closing.load(Ordering::Relaxed) {
                return;
            }
            let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
            if self.lock_mode().0 == Mode::Reset {
                let _ = set_socket_linger(&client, Some(Duration::ZERO));
                self.fault(format!("connection {number}: reset"));
                continue;
            }
            let shared = self.clone();
            std::thread::spawn(move || pump::serve(&shared, number, &client));
        }
    }
}
