//! Password files (`~/.pgpass`), read as libpq reads them: `host:port:database:user:password`, `*` for any,
//! `\` before a literal `:` or `\`, first match wins, and a file that others may read is not used.
//!
//! Owns the parsing and [`Passwords`], a server's answer to "which password for this database?".

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

/// What may be sent to one server: the password that was given, or a password file to look it up in.
#[derive(Clone, Default)]
pub struct Passwords {
    given: Option<SecretString>,
    file: Arc<[Entry]>,
}

/// One line. `None` stands for `*`.
struct Entry {
    host: Option<String>,
    port: Option<String>,
    database: Option<String>,
    user: Option<String>,
    password: SecretString,
}

/// The socket directories that packages build in: libpq looks its own one up as "localhost".
const DEFAULT_SOCKETS: &[&str] = &["/var/run/postgresql", "/run/postgresql", "/tmp"];

impl Passwords {
    pub fn given(password: SecretString) -> Passwords {
        Passwords { given: Some(password), file: Arc::default() }
    }

    pub(super) fn from_file(text: &str) -> Passwords {
        Passwords {
            given: None,
            file: text.lines().map(|line| line.trim_end_matches('\r')).filter_map(parse_line).collect(),
        }
    }

    /// `host` as in `Server::hosts`; a usual socket directory is also found under "localhost".
    pub fn find(&self, host: &str, port: u16, database: &str, user: &str) -> Option<&SecretString> {
        if self.given.is_some() {
            return self.given.as_ref();
        }
        let port = port.to_string();
        let socket = DEFAULT_SOCKETS.contains(&host);
        let fits = |pattern: &Option<String>, value: &str| pattern.as_deref().is_none_or(|p| p == value);
        let first = self.file.iter().find(|entry| {
            (fits(&entry.host, host) || socket && fits(&entry.host, "localhost"))
                && fits(&entry.port, &port)
                && fits(&entry.database, database)
                && fits(&entry.user, user)
        })?;
        Some(&first.password).filter(|password| !password.expose_secret().is_empty())
    }
}

/// The file's text, `None` when there is no such file, or why it is not used.
pub(super) fn read(path: &Path) -> Result<Option<String>, String> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(format!("password file {} is not used: {e}", path.display())),
    };
    if !metadata.is_file() {
        return Err(format!("password file {} is not used: it is no plain file", path.display()));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        let path = path.display();
        return Err(format!("password file {path} is not used: others may read it; run chmod 600 {path}"));
    }
    let text = std::fs::read_to_string(path);
    text.map(Some).map_err(|e| format!("password file {} is not used: {e}", path.display()))
}

fn parse_line(line: &str) -> Option<Entry> {
    if line.starts_with('#') {
        return None;
    }
    let (host, rest) = field(line);
    let (port, rest) = field(rest?);
    let (database, rest) = field(rest?);
    let (user, rest) = field(rest?);
    // As in libpq, a bare colon ends the password as well.
    let (password, _) = field(rest?);
    let password = SecretString::from(password.unwrap_or_else(|| "*".to_owned()));
    Some(Entry { host, port, database, user, password })
}

/// The field before the next bare colon (`None` for `*`), and what follows that colon.
fn field(text: &str) -> (Option<String>, Option<&str>) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            ':' => return ((&text[..at] != "*").then_some(value), Some(&text[at + 1..])),
            '\\' => value.push(chars.next().map_or(c, |(_, next)| next)),
            _ => value.push(c),
        }
    }
    ((text != "*").then_some(value), None)
}
