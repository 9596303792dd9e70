//! One connection of the proxy: a thread each way, both looking at the mode before every piece they move.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Mode, Shared};

const TICK: Duration = Duration::from_millis(5);
const PIECE: usize = 16 * 1024;

struct Connection<'a> {
    shared: &'a Shared,
    number: u64,
    since_change: Mutex<SinceChange>,
}

/// What happened on this connection since the mode was last set.
#[derive(Default)]
struct SinceChange {
    change: u64,
    bytes_from_server: u64,
    told: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Client,
    Server,
}

/// What a pump may do next.
enum Step {
    /// Move at most so many bytes, after a pause.
    Move(usize, Duration),
    Hold(&'static str),
    Cut,
}

pub(crate) fn serve(shared: &Shared, number: u64, client: &TcpStream) {
    let connection = Connection { shared, number, since_change: Mutex::default() };
    while !shared.ended.load(Ordering::Relaxed) && connection.mode() == Mode::Stall {
        connection.tell_once("accepted and stalled");
        std::thread::sleep(TICK);
    }
    let Ok(server) = TcpStream::connect(shared.target) else { return };
    for socket in [client, &server] {
        let _ = socket.set_nodelay(true);
        let _ = socket.set_read_timeout(Some(TICK));
    }
    let pump = |from, source, sink| {
        connection.pump(from, source, sink);
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| pump(From::Client, client, &server));
        pump(From::Server, &server, client);
    });
}

impl Connection<'_> {
    /// Moves bytes one way until either end is closed or the connection is cut.
    fn pump(&self, from: From, mut source: &TcpStream, mut sink: &TcpStream) {
        let mut buffer = [0; PIECE];
        while !self.shared.ended.load(Ordering::Relaxed) {
            // A look first: bytes that come after a change of mode must meet the new one.
            let nothing = matches!(source.peek(&mut buffer[..1]), Err(e) if waits(e.kind()));
            let (most, pause) = match self.step(from) {
                Step::Cut => return,
                _ if nothing => continue,
                Step::Hold(fault) => {
                    self.tell_once(fault);
                    std::thread::sleep(TICK);
                    continue;
                }
                Step::Move(most, pause) => (most, pause),
            };
            let read = match source.read(&mut buffer[..most]) {
                Ok(read) if read > 0 => read,
                _ => return,
            };
            if !pause.is_zero() {
                self.tell_once("slowed down");
                std::thread::sleep(pause);
            }
            self.count(from, read as u64);
            if sink.write_all(&buffer[..read]).is_err() {
                return;
            }
        }
    }

    /// The mode, after this connection has begun to count anew where it changed.
    fn mode(&self) -> Mode {
        let (mode, change) = *self.shared.lock_mode();
        let mut since = self.since_change.lock().unwrap();
        if since.change != change {
            *since = SinceChange { change, ..SinceChange::default() };
        }
        mode
    }

    fn step(&self, from: From) -> Step {
        let mode = self.mode();
        let moved = self.since_change.lock().unwrap().bytes_from_server;
        match (mode, from) {
            (Mode::Stall, _) => Step::Hold("stalled"),
            (Mode::CutAfter(limit), _) if moved >= limit => {
                self.tell_once(&format!("cut after {moved} bytes"));
                Step::Cut
            }
            (Mode::StallAfter(limit), _) if moved >= limit => Step::Hold("stalled after its bytes"),
            (Mode::CutAfter(limit) | Mode::StallAfter(limit), From::Server) => {
                Step::Move(PIECE.min((limit - moved) as usize), Duration::ZERO)
            }
            (Mode::Slow { bytes_per_s }, From::Server) => {
                let piece = (bytes_per_s / 20).clamp(1, PIECE as u64);
                Step::Move(piece as usize, Duration::from_secs_f64(piece as f64 / bytes_per_s as f64))
            }
            (Mode::Delay { ms }, From::Server) => Step::Move(PIECE, Duration::from_millis(ms)),
            _ => Step::Move(PIECE, Duration::ZERO),
        }
    }

    /// Before the bytes go: whoever got them finds them counted.
    fn count(&self, from: From, bytes: u64) {
        if from == From::Server {
            self.since_change.lock().unwrap().bytes_from_server += bytes;
            self.shared.bytes_from_server.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// One line for each connection and change of mode, however often a pump meets it.
    fn tell_once(&self, fault: &str) {
        let told = std::mem::replace(&mut self.since_change.lock().unwrap().told, true);
        if !told {
            self.shared.fault(format!("connection {}: {fault}", self.number));
        }
    }
}

fn waits(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
