//! One request over one connection, as cheaply as it can be sent: what the generator uses, the backend lacks.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    address: SocketAddr,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Server {
    pub(crate) fn at(url: &str) -> Result<Server> {
        let address = url.strip_prefix("http://").context("only http:// is spoken here")?;
        Ok(Server { address: address.parse().context("an address and a port are needed")? })
    }

    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE).context("connecting")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
            self.address,
            body.len()
        );
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        stream.write_all(&bytes).context("sending")?;
        read(&mut stream)
    }
}

fn read(stream: &mut TcpStream) -> Result<Answer> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 16 << 10]);
    loop {
        let count = stream.read(&mut chunk).context("reading the answer")?;
        ensure!(count > 0, "the connection was closed before the answer was whole");
        bytes.extend_from_slice(&chunk[..count]);
        if let Some(answer) = whole(&bytes)? {
            return Ok(answer);
        }
    }
}

/// Every answer of the backend tells its length.
fn whole(bytes: &[u8]) -> Result<Option<Answer>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end])?.to_ascii_lowercase();
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).context("no length")?;
    let (body, length) = (&bytes[end + 4..], length.trim().parse()?);
    Ok((body.len() >= length).then(|| Answer { status, body: body[..length].to_vec() }))
}
