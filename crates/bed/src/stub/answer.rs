//! The ways in which a backend, or what stands between, can answer.

use std::fmt::Write as _;
use std::io::{Read, Result, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use serde_json::json;

use super::Request;

#[derive(Clone)]
pub enum Answer {
    Reply {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// 200 that acknowledges the batch by its own id.
    Accept,
    /// 200 that acknowledges another batch.
    AcceptOther,
    /// An acknowledgement of which half arrives before the connection closes.
    Half,
    /// An acknowledgement whose Content-Length is off by so much; then the connection closes.
    WrongLength(i64),
    ResetBeforeBody,
    ResetAfterBody,
    /// Takes the request and says nothing until the client gives up.
    Stall,
    /// An acknowledgement byte by byte, with this pause after each.
    Drip(Duration),
    /// Asks this again, with the body at hand.
    WithBody(Arc<dyn Fn(&Request) -> Answer + Send + Sync>),
}

impl Answer {
    pub fn reply(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        Answer::Reply { status, headers: Vec::new(), body: body.into() }
    }

    pub fn redirect(to: &str) -> Answer {
        Answer::reply(307, "").header("location", to)
    }

    /// Of a reply; other answers have no headers to choose.
    pub fn header(mut self, name: &str, value: &str) -> Answer {
        match &mut self {
            Answer::Reply { headers, .. } => headers.push((name.into(), value.into())),
            other => panic!("{} takes no header", other.name()),
        }
        self
    }

    pub fn with_body(decide: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Answer {
        Answer::WithBody(Arc::new(decide))
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Answer::Reply { status, .. } => format!("reply {status}"),
            Answer::Accept => "accept".into(),
            Answer::AcceptOther => "accept another batch".into(),
            Answer::Half => "half a reply".into(),
            Answer::WrongLength(by) => format!("length wrong by {by}"),
            Answer::ResetBeforeBody => "reset before the body".into(),
            Answer::ResetAfterBody => "reset after the body".into(),
            Answer::Stall => "stall".into(),
            Answer::Drip(_) => "drip".into(),
            Answer::WithBody(_) => "undecided".into(),
        }
    }

    /// Whether the connection can take another request.
    pub(crate) fn give(
        &self,
        wire: &mut (impl Read + Write + ?Sized),
        raw: &TcpStream,
        request: &Request,
        stopping: &AtomicBool,
    ) -> Result<bool> {
        let accept = acknowledgement(request.batch_id());
        match self {
            Answer::Reply { status, headers, body } => send(wire, &message(*status, headers, body, 0))?,
            Answer::Accept => send(wire, &message(200, &[], &accept, 0))?,
            Answer::AcceptOther => {
                send(wire, &message(200, &[], &acknowledgement(Some("of another batch")), 0))?;
            }
            Answer::Drip(pause) => drip(wire, &message(200, &[], &accept, 0), *pause)?,
            Answer::Half => {
                let whole = message(200, &[], &accept, 0);
                send(wire, &whole[..whole.len() - accept.len() / 2])?;
                return Ok(false);
            }
            Answer::WrongLength(by) => {
                send(wire, &message(200, &[], &accept, *by))?;
                return Ok(false);
            }
            Answer::ResetBeforeBody | Answer::ResetAfterBody => {
                set_socket_linger(raw, Some(Duration::ZERO))?;
                return Ok(false);
            }
            Answer::Stall => {
                stall(raw, stopping);
                return Ok(false);
            }
            Answer::WithBody(_) => panic!("a script that has the body decides"),
        }
        Ok(true)
    }
}

fn acknowledgement(batch_id: Option<&str>) -> Vec<u8> {
    json!({"status": "success", "batch_id": batch_id}).to_string().into_bytes()
}

fn message(status: u16, headers: &[(String, String)], body: &[u8], length_off_by: i64) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let _ = write!(head, "content-length: {}\r\n\r\n", body.len() as i64 + length_off_by);
    [head.as_bytes(), body].concat()
}

fn send(wire: &mut (impl Write + ?Sized), bytes: &[u8]) -> Result<()> {
    wire.write_all(bytes)?;
    wire.flush()
}

fn drip(wire: &mut (impl Write + ?Sized), bytes: &[u8], pause: Duration) -> Result<()> {
    for byte in bytes {
        send(wire, &[*byte])?;
        std::thread::sleep(pause);
    }
    Ok(())
}

/// Until the client closes or the stub ends.
fn stall(raw: &TcpStream, stopping: &AtomicBool) {
    let _ = raw.set_read_timeout(Some(Duration::from_millis(20)));
    let mut ignored = [0; 512];
    while !stopping.load(Ordering::Relaxed) {
        match (&mut &*raw).read(&mut ignored) {
            Ok(0) => return,
            Err(e) if !matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                return;
            }
            _ => {}
        }
    }
}
