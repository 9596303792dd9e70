//! One connection, on which one request after the other is sent as the bytes that it is, sound or not.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Line {
    port: u16,
    stream: Option<TcpStream>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Line {
    pub(super) fn to(port: u16) -> Line {
        Line { port, stream: None }
    }

    /// A connection that was used before may have been closed meanwhile; a new one may not.
    pub(super) fn ask(&mut self, request: &[u8], bodiless: bool) -> io::Result<Answer> {
        if let Some(stream) = self.stream.take()
            && let Ok(answer) = self.exchange(stream, request, bodiless)
        {
            return Ok(answer);
        }
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        self.exchange(stream, request, bodiless)
    }

    fn exchange(&mut self, mut stream: TcpStream, request: &[u8], bodiless: bool) -> io::Result<Answer> {
        // Who refuses may have closed before it has read everything: its answer is there all the same.
        let sent = stream.write_all(request);
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            more(&mut stream, &mut bytes).map_err(|e| sent.as_ref().err().map_or(e, |e| e.kind().into()))?;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status in {head}")))?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: bytes.split_off(end + 4) };
        let length = if bodiless || [204, 304].contains(&status) {
            0
        } else {
            answer.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        while answer.body.len() < length {
            more(&mut stream, &mut answer.body)?;
        }
        if answer.body.len() > length {
            return Err(io::Error::other("more was answered than it says"));
        }
        self.stream = (answer.header("connection") != Some("close")).then_some(stream);
        Ok(answer)
    }
}

fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = [0; 16 << 10];
    match stream.read(&mut chunk)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => {
            bytes.extend_from_slice(&chunk[..count]);
            Ok(())
        }
    }
}
