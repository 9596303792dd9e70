//! Who came and who went.

use serde::Serialize;

use super::Seen;
use crate::collect::pg_log::entry;
use crate::collect::pg_log::read::{after, number, whole};

/// Pairs of user and database that are told apart.
const MOST: usize = 100;

#[derive(Default)]
pub(super) struct Sessions {
    received: u64,
    authenticated: u64,
    authorized: u64,
    ended: u64,
    ended_ms: f64,
    longest_ms: f64,
    /// User, database, how often.
    logins: Vec<(Vec<u8>, Vec<u8>, u64)>,
}

#[derive(Serialize)]
pub(super) struct Told {
    received: u64,
    authenticated: u64,
    authorized: u64,
    ended: u64,
    /// Of those that ended.
    session_ms: f64,
    longest_session_ms: f64,
    logins: Vec<Login>,
}

#[derive(Serialize)]
struct Login {
    user: String,
    database: String,
    count: u64,
}

impl Sessions {
    pub(super) fn add(&mut self, seen: &Seen) {
        let message = &seen.entry.message[..];
        match message {
            [b'd', ..] => self.ended(message),
            _ if message.starts_with(b"connection received") => self.received += 1,
            _ if message.starts_with(b"connection authenticated") => self.authenticated += 1,
            _ if after(message, "authorized: ").is_some() => self.authorized(message),
            _ => {}
        }
    }

    fn ended(&mut self, message: &[u8]) {
        self.ended += 1;
        let ms = after(message, "session time: ").and_then(duration_ms).unwrap_or_default();
        self.ended_ms += ms;
        self.longest_ms = self.longest_ms.max(ms);
    }

    fn authorized(&mut self, message: &[u8]) {
        self.authorized += 1;
        let user = after(message, "user=").unwrap_or_default();
        let (user, rest) = match memchr::memmem::find(user, b" database=") {
            Some(at) => (&user[..at], &user[at + 10..]),
            None => (word(user), &b""[..]),
        };
        let end = [" application_name=", " SSL enabled", " GSS"].iter();
        let end =
            end.filter_map(|end| memchr::memmem::find(rest, end.as_bytes())).min().unwrap_or(rest.len());
        let database = &rest[..end];
        let full = self.logins.len() >= MOST;
        match self.logins.iter_mut().find(|login| login.0 == user && login.1 == database) {
            Some((.., count)) => *count += 1,
            None if full => {}
            None => self.logins.push((user.to_vec(), database.to_vec(), 1)),
        }
    }

    pub(super) fn told(self) -> Told {
        let logins = self.logins.into_iter().map(|(user, database, count)| Login {
            user: entry::text(&user),
            database: entry::text(&database),
            count,
        });
        Told {
            received: self.received,
            authenticated: self.authenticated,
            authorized: self.authorized,
            ended: self.ended,
            session_ms: self.ended_ms.round(),
            longest_session_ms: self.longest_ms,
            logins: logins.collect(),
        }
    }
}

fn word(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(b' ', text).unwrap_or(text.len())]
}

/// `12:34:56.789`
fn duration_ms(text: &[u8]) -> Option<f64> {
    let mut parts = word(text).split(|b| *b == b':');
    let (hours, minutes) = (whole(parts.next()?)?, whole(parts.next()?)?);
    let seconds = number(parts.next()?)?;
    Some((((hours * 60 + minutes) * 60) as f64 * 1000.0 + seconds * 1000.0).round())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        assert_eq!(duration_ms(b"0:00:01.234 user=x"), Some(1234.0));
        assert_eq!(duration_ms(b"123:01:00.000"), Some(442_860_000.0));
        assert_eq!(duration_ms(b"x"), None);
    }
}
