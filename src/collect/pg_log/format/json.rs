//! jsonlog (15 and later): an object a line.

use std::borrow::Cow;

use serde::Deserialize;

use super::line;
use crate::collect::pg_log::entry::{Entry, Sink};
use crate::collect::pg_log::level::Level;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    dbname: Cow<'a, str>,
    pid: u32,
    #[serde(borrow)]
    remote_host: Cow<'a, str>,
    #[serde(borrow)]
    error_severity: Cow<'a, str>,
    #[serde(borrow)]
    state_code: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow)]
    detail: Cow<'a, str>,
    #[serde(borrow)]
    hint: Cow<'a, str>,
    #[serde(borrow)]
    context: Cow<'a, str>,
    #[serde(borrow)]
    statement: Cow<'a, str>,
    #[serde(borrow)]
    application_name: Cow<'a, str>,
    #[serde(borrow)]
    backend_type: Cow<'a, str>,
    query_id: i64,
}

pub(super) fn entries(bytes: &[u8], last: bool, sink: &mut impl Sink) -> usize {
    let mut done = 0;
    while let Some((text, next)) = line(bytes, done, last) {
        // A server in another encoding writes bytes that no JSON may hold.
        let read = std::str::from_utf8(text).is_ok() && told(text, sink);
        if !read && !told(String::from_utf8_lossy(text).as_bytes(), sink) && !told_in_part(text, sink) {
            sink.alien();
        }
        done = next;
    }
    done
}

/// Whether an entry begins with this line.
pub(super) fn begins(text: &[u8]) -> bool {
    text.starts_with(b"{\"timestamp\":")
}

fn told(text: &[u8], sink: &mut impl Sink) -> bool {
    let Ok(line) = serde_json::from_slice::<Line>(text) else { return false };
    let (mut pid, mut id) = ([0; 24], [0; 24]);
    sink.entry(&Entry {
        level: Level::of(line.error_severity.as_bytes()).unwrap_or_default(),
        time: line.timestamp.as_bytes(),
        sqlstate: line.state_code.as_bytes(),
        pid: digits(line.pid.into(), &mut pid),
        user: line.user.as_bytes(),
        database: line.dbname.as_bytes(),
        application: line.application_name.as_bytes(),
        client: line.remote_host.as_bytes(),
        backend_type: line.backend_type.as_bytes(),
        query_id: digits(line.query_id, &mut id),
        message: bytes(&line.message),
        detail: bytes(&line.detail),
        hint: bytes(&line.hint),
        context: bytes(&line.context),
        statement: bytes(&line.statement),
    });
    true
}

/// Of a line that is cut, what stands before its long texts.
fn told_in_part(text: &[u8], sink: &mut impl Sink) -> bool {
    let long = [",\"statement\":", ",\"context\":", ",\"detail\":", ",\"message\":"];
    begins(text)
        && long.iter().any(|key| {
            let end = memchr::memmem::find(text, key.as_bytes());
            end.is_some_and(|end| told(&[&text[..end], b"}"].concat(), sink))
        })
}

fn bytes(text: &str) -> Cow<'_, [u8]> {
    Cow::Borrowed(text.as_bytes())
}

/// A number as text, on the stack: 0 is none.
fn digits(number: i64, room: &mut [u8; 24]) -> &[u8] {
    use std::io::Write;
    if number == 0 {
        return b"";
    }
    let mut rest = &mut room[..];
    let _ = write!(rest, "{number}");
    let left = rest.len();
    &room[..24 - left]
}
