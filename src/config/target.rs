//! The backend: where batches go, and what opens the door there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::document::Document;
use super::environment::Environment;
use super::problem::{Place, Report};
use super::{Backend, BackendTls, Target, Token, secret};

pub(super) fn resolve(
    document: &Document,
    env: &Environment,
    (path, state_dir): (&Path, &Path),
    report: &mut Report,
) -> Backend {
    let (url, place, name) = match env.get("BACKEND_URL") {
        Some(url) => (url, Place::Environment, "BACKEND_URL"),
        None => {
            (document.word("backend", "url").to_owned(), document.place("backend", "url"), "[backend] url")
        }
    };
    // The value behind a problem is never used: the load as a whole fails.
    let target = target(&url).unwrap_or_else(|why| {
        report.problem(&place, format!("{name} {why}"));
        Target::Stdout
    });
    let kept = state_dir.join("collector.token");
    Backend {
        url,
        target,
        token: token(document, env, (path, &kept), report),
        kept,
        timeout: Duration::from_secs(document.int("backend", "timeout").unsigned_abs()),
        proxy: fetch(document, "backend", "proxy", env, report),
        tls: tls(document, report),
    }
}

/// What the URL means, or what it must be.
pub(super) fn target(url: &str) -> Result<Target, String> {
    if url == "stdout:" {
        return Ok(Target::Stdout);
    }
    if let Some(path) = url.strip_prefix("file://") {
        let absolute = path.starts_with('/');
        return if absolute { Ok(Target::File(PathBuf::from(path))) } else { Err(FILE.to_owned()) };
    }
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).ok_or(SCHEMES)?;
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return Err("must not hold a user or password: the token goes into `token`".to_owned());
    }
    if rest.contains(|c: char| c == '?' || c == '#' || c.is_whitespace() || c.is_control()) {
        return Err("must be the base address alone: no \"?\", \"#\" or white space".to_owned());
    }
    if !host_and_port_fit(authority) {
        return Err("must be http(s)://host, with a port from 1 to 65535 if any".to_owned());
    }
    Ok(Target::Http(url.trim_end_matches('/').to_owned()))
}

const SCHEMES: &str = "must be https://host[:port], http://host[:port], file:///directory or stdout:";
const FILE: &str = "must name an absolute directory: file:///directory";

fn host_and_port_fit(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
        Some((host, after)) => (host, after.strip_prefix(':').or(after.is_empty().then_some("80"))),
        None => authority.split_once(':').map_or((authority, Some("80")), |(host, port)| (host, Some(port))),
    };
    !host.is_empty() && port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Environment first, then the newer of the one in the file and the one that a refresh stored.
fn token(document: &Document, env: &Environment, (path, kept): (&Path, &Path), report: &mut Report) -> Token {
    let named = document.text("backend", "token_file").map(PathBuf::from);
    let file = if named.is_some() { Token::File } else { Token::Stored };
    let stored = named.unwrap_or_else(|| kept.to_owned());
    if let Some(token) = env.get("BACKEND_TOKEN") {
        let from = "BACKEND_TOKEN".to_owned();
        return Token::Inline { token: token.into(), from, refreshed: stored, from_environment: true };
    }
    let text = document.text("backend", "token").unwrap_or_default();
    let home = text.strip_prefix("file:").map_or(path, Path::new);
    let from_environment = text.starts_with("env:");
    match fetch(document, "backend", "token", env, report) {
        Some(_) if !from_environment && (is_newer(&stored, home) || is_newer(kept, home)) => file(stored),
        Some(token) => {
            let from = home.display().to_string();
            Token::Inline { token, from, refreshed: stored, from_environment }
        }
        None => file(stored),
    }
}

/// By the times that the files were written.
pub(crate) fn is_newer(stored: &Path, than: &Path) -> bool {
    let written = |path: &Path| path.metadata().and_then(|m| m.modified()).ok();
    written(stored).is_some_and(|stored| written(than).is_none_or(|given| stored > given))
}

fn fetch(
    document: &Document,
    section: &str,
    key: &str,
    env: &Environment,
    report: &mut Report,
) -> Option<secrecy::SecretString> {
    let found = document.found(section, key)?;
    match secret::resolve(found.value.text()?, env) {
        Ok(secret) => Some(secret),
        Err(why) => {
            report.problem(&found.place, format!("[{section}] {key}: {why}"));
            None
        }
    }
}

fn tls(document: &Document, report: &mut Report) -> BackendTls {
    let verify = document.bool("tls", "verify");
    if !verify {
        let what = "[tls] verify = false: the backend's certificate is not checked, anyone on the way can read and answer";
        report.warn(&document.place("tls", "verify"), what);
    }
    BackendTls {
        verify,
        ca_file: document.text("tls", "ca_file").map(PathBuf::from),
        client: client(document, report),
    }
}

/// Both files or none. Older files name two that were never made: that is none, and worth a word.
fn client(document: &Document, report: &mut Report) -> Option<(PathBuf, PathBuf)> {
    let cert = document.text("tls", "cert_file").map(PathBuf::from);
    let key = document.text("tls", "key_file").map(PathBuf::from);
    let place = document.place("tls", if cert.is_some() { "cert_file" } else { "key_file" });
    let there = |path: &PathBuf| path.try_exists().unwrap_or(true);
    match (cert, key) {
        (Some(cert), Some(key)) => match (there(&cert), there(&key)) {
            (true, true) => return Some((cert, key)),
            (false, false) => {
                let (cert, key) = (cert.display(), key.display());
                report
                    .warn(&place, format!("neither {cert} nor {key} exists: no client certificate is shown"));
            }
            (there, _) => {
                let (has, lacks) = if there { (&cert, &key) } else { (&key, &cert) };
                let what = format!("{} exists but {} does not", has.display(), lacks.display());
                report.problem(&place, format!("[tls] {what}: mutual TLS needs both"));
            }
        },
        (None, None) => {}
        _ => report.problem(&place, "[tls] cert_file and key_file go together: give both or neither"),
    }
    None
}
