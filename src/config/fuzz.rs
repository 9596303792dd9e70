//! Fuzz targets: what an operator writes, against libpq where libpq reads the same, and what a backend sends.

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::ExposeSecret;
use settings::remote as told;

use super::document::{self, Document};
use super::environment::Environment;
use super::passfile::Passwords;
use super::problem::{Problems, Report};
use super::{Config, dsn as grammar, layers, resolve, service as services};
use crate::fuzz::libpq;

/// What libpq makes of a connection string we make of it, and it comes back from what it means.
pub(crate) fn dsn(data: &[u8]) {
    let Some(text) = c_text(data) else { return };
    // Version 18 refuses or trims spaces in an address, those before it take them as they are.
    if (text.starts_with("postgres://") || text.starts_with("postgresql://")) && text.contains(' ') {
        return;
    }
    let theirs = libpq::parsed(text);
    let ours = grammar::parse(text).and_then(|pairs| {
        // Version 19 of libpq knows one more than the one beside us.
        let known = |keyword: &str| layers::is_known(keyword) && keyword != "servicefile";
        if pairs.iter().all(|(keyword, _)| known(keyword)) { Ok(pairs) } else { Err("unknown".to_owned()) }
    });
    match (ours, theirs) {
        (Err(_), None) => {}
        (Ok(pairs), Some(theirs)) => {
            let again: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={}", quoted(v))).collect();
            assert_eq!(grammar::parse(&again.join(" ")).as_ref(), Ok(&pairs));
            // The one keyword that libpq reads as another.
            if pairs.iter().all(|(keyword, _)| keyword != "requiressl") {
                assert_eq!(pairs.into_iter().collect::<BTreeMap<_, _>>(), theirs);
            }
        }
        // Stricter on purpose: what libpq takes for a host may be the rest of a password; names are text.
        (Err(why), Some(_)) => assert!(why.contains("%40") || why.contains("UTF-8"), "{why}"),
        (Ok(pairs), None) => panic!("libpq refuses what are {} parameters here", pairs.len()),
    }
}

/// What libpq finds in a password file we find. A question before the first NUL: the host.
pub(crate) fn passfile(data: &[u8]) {
    let split = data.iter().position(|byte| *byte == 0);
    let (host, file) = split.map_or((&b"h"[..], data), |at| (&data[..at], &data[at + 1..]));
    let (Some(host), Some(file)) = (c_text(host), c_text(file)) else { return };
    // One host, no socket directory: which one is looked up as localhost is a matter of how libpq was built.
    if host.is_empty() || host.starts_with(['/', '@']) || host.contains(',') {
        return;
    }
    // libpq loses a last line without an end that fills its buffer to the last byte.
    if file.len() >= 255 && !file.ends_with('\n') {
        return;
    }
    let ours = Passwords::from_file(file);
    let ours = ours.find(host, 5432, "d", "u").map_or("", |password| password.expose_secret());
    assert!(ours == libpq::password(file, host), "another password");
}

/// What libpq reads of a service we read.
pub(crate) fn service(data: &[u8]) {
    let Some(text) = c_text(data).filter(|text| text.lines().all(|line| line.len() < 1000)) else { return };
    let ours = services::parse(text, "a").ok().flatten();
    let known = |pairs: &Vec<services::Pair>| pairs.iter().all(|pair| layers::is_known(&pair.keyword));
    let theirs = libpq::service(text);
    let Some(pairs) = ours.filter(known) else {
        return assert_eq!(theirs, None);
    };
    let theirs = theirs.expect("libpq takes it as well");
    let mut ours = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| pair.keyword != "channel_binding") {
        ours.entry(&pair.keyword).or_insert(&pair.value);
    }
    for (keyword, value) in ours {
        // Empty is not given, and libpq's default holds.
        assert!(value.is_empty() || theirs.get(keyword) == Some(value), "{keyword} differs");
    }
}

/// Whatever a file holds, it is read or refused, a problem is inside the file, and no message holds a password.
pub(crate) fn configuration(data: &[u8]) {
    let Some(text) = c_text(data).filter(|text| is_harmless(text)) else { return };
    let told = match load(text) {
        Ok((_, warnings)) => warnings.join("\n"),
        Err(problems) => {
            problems.0.iter().filter(|problem| problem.file == Path::new(FILE)).for_each(|problem| {
                let line = problem.line.checked_sub(1).and_then(|above| text.split('\n').nth(above));
                let longest = line.expect("a line of the file").chars().count() + 1;
                assert!((1..=longest).contains(&problem.column), "{problem}");
            });
            format!("{problems}\n{problems:?}")
        }
    };
    assert!(!is_secret(text) || !told.contains(PASSWORD), "a password is told");
}

/// A backend changes intervals, switches and limits, and nothing that says where data comes from or goes to.
pub(crate) fn remote(data: &[u8]) {
    let Some(text) = c_text(data) else { return };
    let Ok(remote) = told::read(text) else { return };
    assert!(text.len() <= told::LONGEST_BYTES);
    let mut report = Report::new(Path::new(FILE), OWN);
    let mut document = document::read(OWN, &mut report);
    let before = fixed(&resolved(&document, &mut report));
    document.overlay(remote);
    let after = fixed(&resolved(&document, &mut report));
    assert_eq!(before, after);
}

const FILE: &str = "c.toml";
const PASSWORD: &str = "hunter2";
const OWN: &str = "[backend]\nurl = \"https://b:1\"\ntoken = \"t\"\n[tls]\nca_file = \"/ca\"\n[postgres]\nhost = \"h\"\nuser = \"u\"\n\
    [[servers]]\nname = \"s\"\nhost = \"i\"\nuser = \"u\"\n[privacy]\nidentifiers = \"hash\"\n[prometheus]\ntextfile = \"/t\"\n\
    [logging]\nfile_path = \"/l\"\n";

fn load(text: &str) -> Result<(Config, Vec<String>), Problems> {
    let mut report = Report::new(Path::new(FILE), text);
    let document = document::read(text, &mut report);
    let config = resolved(&document, &mut report);
    report.finish(config)
}

fn resolved(document: &Document, report: &mut Report) -> Config {
    let nowhere = |name: &str| match name {
        "HOME" | "PGSYSCONFDIR" => Some("/nonexistent".to_owned()),
        "PGUSER" => Some("u".to_owned()),
        _ => None,
    };
    resolve::config(Path::new(FILE), document, &Environment::new(&nowhere), report)
}

/// All that is not a backend's to change.
fn fixed(config: &Config) -> String {
    let Config { collector, backend, servers, textfile, logging, privacy, run, .. } = config;
    let each = servers.iter().map(|s| {
        format!(
            "{} {:?} {} {} {:?} {:?} {:?}",
            s.name, s.hosts, s.user, s.database, s.databases, s.ssl, s.log_file
        )
    });
    let each: Vec<String> = each.collect();
    format!(
        "{collector:?} {} {:?} {:?} {} {each:?} {textfile:?} {:?} {:?} {privacy:?} {:?}",
        backend.url,
        backend.target,
        backend.tls,
        backend.proxy.is_some(),
        logging.file_path,
        logging.output,
        run.state_dir,
    )
}

/// Text as C has it, which is all that libpq can be asked about.
fn c_text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok().filter(|text| !text.contains('\0'))
}

/// An operator may name any file for a password, and some never end. What `[[custom]]` holds is kept for good.
fn is_harmless(text: &str) -> bool {
    !["file:", "passfile", "service", "custom", "\\u", "\\U", "\\x"].iter().any(|word| text.contains(word))
}

/// The word that must not be told stands only where a secret stands.
fn is_secret(text: &str) -> bool {
    let only_of_dsn = |line: &str| {
        let before = line.match_indices(PASSWORD).map(|(at, _)| &line[..at]);
        before.into_iter().all(|before| before.ends_with("password=") || before.ends_with("//u:"))
    };
    let secret = |line: &str| {
        let key = line.trim_start().split(['=', ' ']).next().unwrap_or_default();
        matches!(key, "password" | "token" | "proxy") || key == "dsn" && only_of_dsn(line)
    };
    let lines = || text.lines().filter(|line| line.contains(PASSWORD));
    !text.contains("'''") && !text.contains("\"\"\"") && lines().all(secret)
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}
