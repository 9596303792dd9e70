//! TLS towards a server: sslmode and the files that go with it, by libpq's rules.
//!
//! libpq verifies against `~/.postgresql/root.crt` when it is there, and reads `require` as `verify-ca` when it
//! has a root certificate. Refuses what would look safe and is not: a verifying mode without anything to verify
//! against, half a client certificate.

use std::path::PathBuf;

use super::environment::Environment;
use super::layers::{Given, Layers};
use super::problem::{Place, Report};
use super::{Ssl, SslMode};

pub(super) fn resolve(
    layers: &Layers,
    hosts: &[(String, u16)],
    place: &Place,
    env: &Environment,
    report: &mut Report,
) -> Ssl {
    let asked = mode(layers.get("sslmode"), report);
    let client = client(layers, place, env, report);
    let given = layers.get("sslrootcert");
    if let Some(given) = given.filter(|given| given.value == "system") {
        if asked.is_some_and(|mode| mode != SslMode::VerifyFull) {
            let what = format!("{} = \"system\" goes only with sslmode = \"verify-full\"", given.name);
            report.problem(&given.place, what);
        }
        return Ssl { mode: SslMode::VerifyFull, root_cert: None, client };
    }
    let mode = asked.unwrap_or(SslMode::Prefer);
    let verifies = matches!(mode, SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull);
    let own = || home_file(env, "root.crt").filter(|path| verifies && path.exists());
    let root_cert = given.map(|given| PathBuf::from(&given.value)).or_else(own);
    let mode = match mode {
        SslMode::Require if root_cert.is_some() => SslMode::VerifyCa,
        mode => mode,
    };
    let over_tcp = hosts.iter().any(|(host, _)| !host.starts_with('/'));
    if over_tcp && root_cert.is_none() && matches!(mode, SslMode::VerifyCa | SslMode::VerifyFull) {
        let at = layers.get("sslmode").map_or(place, |given| &given.place);
        let what = "needs a certificate to verify against: give sslrootcert (a file, or \"system\")";
        report.problem(at, format!("sslmode {} {what}", name(mode)));
    }
    Ssl { mode, root_cert, client }
}

fn mode(given: Option<&Given>, report: &mut Report) -> Option<SslMode> {
    let given = given?;
    match given.value.as_str() {
        "disable" => Some(SslMode::Disable),
        "allow" => {
            report.warn(&given.place, format!("{} allow is read as prefer", given.name));
            Some(SslMode::Prefer)
        }
        "prefer" => Some(SslMode::Prefer),
        "require" => Some(SslMode::Require),
        "verify-ca" => Some(SslMode::VerifyCa),
        "verify-full" => Some(SslMode::VerifyFull),
        _ => {
            let allowed = "disable, prefer, require, verify-ca or verify-full";
            report.problem(&given.place, format!("{} must be {allowed}", given.name));
            None
        }
    }
}

fn name(mode: SslMode) -> &'static str {
    match mode {
        SslMode::Disable => "disable",
        SslMode::Prefer => "prefer",
        SslMode::Require => "require",
        SslMode::VerifyCa => "verify-ca",
        SslMode::VerifyFull => "verify-full",
    }
}

fn client(
    layers: &Layers,
    place: &Place,
    env: &Environment,
    report: &mut Report,
) -> Option<(PathBuf, PathBuf)> {
    match (layers.get("sslcert"), layers.get("sslkey")) {
        (Some(cert), Some(key)) => Some((PathBuf::from(&cert.value), PathBuf::from(&key.value))),
        (None, None) => {
            let cert = home_file(env, "postgresql.crt")?;
            let key = home_file(env, "postgresql.key")?;
            (cert.exists() && key.exists()).then_some((cert, key))
        }
        (cert, key) => {
            let at = cert.or(key).map_or(place, |given| &given.place);
            report.problem(at, "sslcert and sslkey go together: give both or neither");
            None
        }
    }
}

fn home_file(env: &Environment, name: &str) -> Option<PathBuf> {
    env.home().map(|home| home.join(".postgresql").join(name))
}
