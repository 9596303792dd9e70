//! Where one server's connection parameters may come from: single keys, `dsn`, a service, libpq's environment.
//!
//! A layer maps libpq's keywords to values with their place. The first layer that has a keyword decides, as in
//! libpq. What we do not use is told; what libpq does not know either is a problem.

use std::collections::BTreeMap;

use super::document::Table;
use super::environment::Environment;
use super::problem::{Place, Report, nearest};
use super::value::Value;
use super::{dsn, service};

/// A value, where it stands, and how a message calls it.
pub(super) struct Given {
    pub(super) value: String,
    pub(super) place: Place,
    pub(super) name: String,
    /// From our own file, where a secret may be `"env:NAME"`.
    pub(super) ours: bool,
}

pub(super) type Layer = BTreeMap<&'static str, Given>;

pub(super) struct Layers(Vec<Layer>);

const KEYWORDS: &[&str] = &[
    "host",
    "port",
    "user",
    "password",
    "dbname",
    "passfile",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "service",
    "connect_timeout",
];

/// Our own variables: they beat the file, and are about `[postgres]` alone.
const OURS: &[(&str, &str)] = &[("PG_HOST", "host"), ("PG_PORT", "port"), ("PG_PASSWORD", "password")];

/// libpq's variables that may fill any server.
const LIBPQ: &[(&str, &str)] = &[
    ("PGUSER", "user"),
    ("PGDATABASE", "dbname"),
    ("PGPASSFILE", "passfile"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
];

/// libpq's variables that name one server: a further server must not inherit its address or its password.
const LIBPQ_FIRST: &[(&str, &str)] =
    &[("PGHOST", "host"), ("PGPORT", "port"), ("PGPASSWORD", "password"), ("PGSERVICE", "service")];

/// What libpq knows and this collector has no use for.
const UNUSED: &[&str] = &[
    "application_name",
    "channel_binding",
    "client_encoding",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "max_protocol_version",
    "min_protocol_version",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_issuer",
    "oauth_scope",
    "options",
    "replication",
    "require_auth",
    "requirepeer",
    "requiressl",
    "scram_client_key",
    "scram_server_key",
    "servicefile",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkeylogfile",
    "sslnegotiation",
    "sslpassword",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
];

/// Whether libpq has such a parameter.
#[cfg(any(test, fuzzing))]
pub(super) fn is_known(keyword: &str) -> bool {
    KEYWORDS.iter().chain(UNUSED).any(|known| *known == keyword)
}

impl Layers {
    /// All layers of one server. `first`: `[postgres]`, which the environment is about.
    pub(super) fn of(table: Option<&Table>, first: bool, env: &Environment, report: &mut Report) -> Layers {
        let mut layers = Layers(Vec::new());
        if first {
            layers.0.push(variables(OURS, env));
        }
        if let Some(table) = table {
            layers.0.push(keys(table));
            layers.0.extend(connection_string(table, env, report));
        }
        let mut libpq = variables(LIBPQ, env);
        if first {
            libpq.extend(variables(LIBPQ_FIRST, env));
        }
        layers.0.push(libpq);
        layers.insert_service(env, report);
        layers
    }

    pub(super) fn get(&self, keyword: &str) -> Option<&Given> {
        self.0.iter().find_map(|layer| layer.get(keyword))
    }

    /// A service stands behind what was said outright, before libpq's environment.
    fn insert_service(&mut self, env: &Environment, report: &mut Report) {
        let Some(given) = self.get("service") else { return };
        let place = given.place.clone();
        match service::find(&given.value, env) {
            Ok((file, pairs)) => {
                let mut layer = Layer::new();
                for pair in pairs {
                    let place = Place::Line(file.clone(), pair.line);
                    insert(&mut layer, pair.keyword, pair.value, "service", &place, report);
                }
                self.0.insert(self.0.len() - 1, layer);
            }
            Err(why) => report.problem(&place, format!("{}: {why}", given.name)),
        }
    }
}

fn variables(names: &[(&'static str, &'static str)], env: &Environment) -> Layer {
    let given = |name: &str| {
        env.get(name).map(|value| Given {
            value,
            place: Place::Environment,
            name: name.to_owned(),
            ours: false,
        })
    };
    names.iter().filter_map(|(name, keyword)| Some((*keyword, given(name)?))).collect()
}

/// The keys of `[postgres]` or `[[servers]]` under libpq's names.
fn keys(table: &Table) -> Layer {
    let mut layer = Layer::new();
    for (key, found) in table.values() {
        let keyword = if key == "database" { "dbname" } else { key };
        let Some(keyword) = KEYWORDS.iter().find(|k| **k == keyword) else { continue };
        let value = match &found.value {
            Value::Text(text) => text.clone(),
            Value::List(names) => names.join(","),
            Value::Int(n) => n.to_string(),
            Value::Bool(_) => continue,
        };
        let name = format!("[{}] {key}", table.section.name);
        layer.insert(keyword, Given { value, place: found.place.clone(), name, ours: true });
    }
    layer
}

fn connection_string(table: &Table, env: &Environment, report: &mut Report) -> Option<Layer> {
    let found = table.found("dsn")?;
    let name = format!("[{}] dsn", table.section.name);
    let text = super::secret::resolve(found.value.text()?, env);
    let pairs = text.and_then(|text| dsn::parse(secrecy::ExposeSecret::expose_secret(&text)));
    let mut layer = Layer::new();
    match pairs {
        Ok(pairs) => {
            for (keyword, value) in pairs {
                insert(&mut layer, keyword, value, &name, &found.place, report);
            }
        }
        Err(why) => report.problem(&found.place, format!("{name}: {why}")),
    }
    Some(layer)
}

fn insert(layer: &mut Layer, keyword: String, value: String, from: &str, place: &Place, report: &mut Report) {
    if let Some(known) = KEYWORDS.iter().find(|k| **k == keyword) {
        // The last that says it, also that there is none.
        layer.remove(known);
        if !value.is_empty() {
            let name = format!("{from} {known}");
            layer.insert(known, Given { value, place: place.clone(), name, ours: false });
        }
    } else if let Some(known) = UNUSED.iter().find(|k| **k == keyword) {
        report.warn(place, format!("{from} {known} is not used by this collector"));
    } else {
        // Never quoted: after a password without quotes this may be the rest of it.
        let all = KEYWORDS.iter().chain(UNUSED).copied();
        let hint = nearest(&keyword, all).map_or(String::new(), |near| format!(": did you mean {near}?"));
        report.problem(place, format!("{from} has a parameter that PostgreSQL does not know{hint}"));
    }
}
