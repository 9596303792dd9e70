//! As much of HTTP/1.1 as a test needs to read a request: line, headers, a body with its length given.

use std::io::{Error, Read, Result};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Counts the stub's requests from 0, over all connections.
    pub ordinal: usize,
    pub method: String,
    pub path: String,
    headers: Vec<(String, String)>,
    /// As it came over the wire. Empty while the script sees the head alone.
    pub body: Vec<u8>,
    /// The body gunzipped where it says so, and parsed.
    pub json: Option<Value>,
}

impl Request {
    /// By name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn batch_id(&self) -> Option<&str> {
        self.json.as_ref()?.get("batch_id")?.as_str()
    }
}

/// `None` when the client closed instead of asking again.
pub(crate) fn read_head(wire: &mut (impl Read + ?Sized)) -> Result<Option<Request>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if wire.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    let text = String::from_utf8(head).map_err(Error::other)?;
    let mut lines = text.lines();
    let mut words = lines.next().unwrap_or_default().split(' ').map(String::from);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(Error::other("no request line"));
    };
    let pair = |line: &str| line.split_once(':').map(|(k, v)| (k.to_lowercase(), v.trim().to_owned()));
    let headers = lines.filter_map(pair).collect();
    Ok(Some(Request { method, path, headers, ..Request::default() }))
}

pub(crate) fn read_body(wire: &mut (impl Read + ?Sized), request: &mut Request) -> Result<()> {
    assert!(request.header("transfer-encoding").is_none(), "a body comes with its length, not in chunks");
    let length = request.header("content-length").map_or(0, |v| v.parse().expect("a number of bytes"));
    request.body = vec![0; length];
    wire.read_exact(&mut request.body)?;
    let plain = match request.header("content-encoding") {
        Some("gzip") => {
            let mut plain = Vec::new();
            MultiGzDecoder::new(&*request.body).read_to_end(&mut plain).map(|_| plain).ok()
        }
        _ => Some(request.body.clone()),
    };
    request.json = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
    Ok(())
}
