//! What an operator may set: the environment, and a file with the same names in lower case. Nothing else reads either.
//!
//! Everything that is wrong is told at once. Secrets have no Debug and are never printed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use axum::http::HeaderValue;
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};

use crate::client::Proxies;
use crate::limit::Limits;
use crate::log;
use crate::retention::Retention;
use crate::store::pool;

pub const FILE: &str = "/etc/pganalytics/config.toml";

/// Name, default, what it is: the order in which `--help` and the documents have them.
pub const SETTINGS: &[(&str, &str, &str)] = &[
    (
        "DATABASE_URL",
        "",
        "Where batches are stored: postgresql://user:password@host/database?sslmode=verify-full",
    ),
    ("DIRECT_DATABASE_URL", "DATABASE_URL", "The same past a pooler, for migrations and partitions"),
    ("JWT_SECRET_KEY", "", "Signs tokens: 32 bytes or more (JWT_SECRET is read too)"),
    (
        "JWT_PREVIOUS_KEYS",
        "",
        "Keys that signed before this one, separated by commas: their tokens stay good",
    ),
    ("REGISTRATION_SECRET", "", "What a collector has to show to register"),
    ("LISTEN", "0.0.0.0:8080", "Address and port (PORT alone is read too)"),
    ("TLS_ENABLED", "false", "Whether to speak TLS; behind a proxy that does, leave it"),
    (
        "TLS_CERT",
        "/etc/pganalytics/api.crt",
        "The certificate with its chain; a renewed one is used without a restart",
    ),
    ("TLS_KEY", "/etc/pganalytics/api.key", "Its key"),
    ("TLS_CLIENT_CA", "", "Whose certificates clients have to show; without it none"),
    ("LOG_LEVEL", "info", "error, warn, info, debug, or a filter by module"),
    ("LOG_FORMAT", "json", "json or text"),
    ("SCRAPE_TOKEN", "", "Bearer token for /metrics; without one only loopback may ask"),
    ("POOL_SIZE", "8", "Connections to the database"),
    ("MAX_BODY_BYTES", "16777216", "The longest push, as it is sent"),
    ("MAX_BATCH_BYTES", "67108864", "The longest push, inflated"),
    ("MEMORY_BYTES", "268435456", "What all pushes under way may hold together"),
    ("MAX_AHEAD_SECONDS", "300", "How far ahead of this host's clock an item may be dated"),
    ("RETENTION_DAYS", "30", "Days kept; also by table: 30,query_stats=14,metrics_rare=400"),
    ("DEAD_LETTER_DAYS", "30", "Days that refused items are kept"),
    (
        "RATE_LIMITS",
        "anonymous=100,user=100,push=600,login=10,registration=10",
        "Requests a minute: by address, user, collector; what is left out keeps its number",
    ),
    ("TRUSTED_PROXIES", "", "Addresses and networks whose X-Forwarded-For is believed"),
    ("CORS_ORIGINS", "", "Origins that browsers may ask from, separated by commas"),
    ("ENVIRONMENT", "production", "A name for the logs"),
];

pub struct Config {
    pub database: SecretString,
    pub direct: SecretString,
    pub listen: SocketAddr,
    pub log_level: String,
    pub log_json: bool,
    pub environment: String,
    pub pool_size: usize,
    pub max_body_bytes: usize,
    pub max_batch_bytes: usize,
    pub memory_bytes: usize,
    pub ahead: SignedDuration,
    pub retention: Retention,
    pub dead_letter_days: i64,
    pub tls: Option<Tls>,
    pub limits: Limits,
    pub proxies: Proxies,
    pub origins: Vec<HeaderValue>,
}

/// Where this server's own certificate is.
#[derive(Clone, Debug, PartialEq)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub client_ca: Option<PathBuf>,
}

/// What only `serve` needs.
pub struct Secrets {
    pub signing: SecretString,
    /// Keys that signed before.
    pub previous: Vec<SecretString>,
    pub registration: SecretString,
    pub scrape: Option<SecretString>,
}

/// Where a setting comes from: the environment first.
pub struct Source {
    file: BTreeMap<String, String>,
    /// What is wrong with the file.
    problems: String,
    environment: fn(&str) -> Option<String>,
}

impl Source {
    /// The file that `CONFIG_FILE` names has to be there; the usual one need not.
    pub fn read() -> Result<Source> {
        let environment = |name: &str| std::env::var(name).ok();
        let named = environment("CONFIG_FILE");
        let path = Path::new(named.as_deref().unwrap_or(FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if named.is_none() && e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(e).with_context(|| format!("reading {}", path.display())),
        };
        let mut problems = Problems::default();
        let file = entries(&text, &mut problems).with_context(|| format!("reading {}", path.display()))?;
        Ok(Source { file, problems: problems.0, environment })
    }

    fn get(&self, name: &str) -> Option<String> {
        let set = |value: &String| !value.trim().is_empty();
        (self.environment)(name)
            .filter(set)
            .or_else(|| self.file.get(&name.to_lowercase()).filter(|value| set(value)).cloned())
    }

    fn or_default(&self, name: &str) -> String {
        let default =
            SETTINGS.iter().find(|(known, ..)| *known == name).map_or("", |(_, default, _)| default);
        self.get(name).unwrap_or_else(|| default.to_owned())
    }
}

/// What is wrong is told with its line, and not what stands in it: it may be a secret.
pub(crate) fn table(text: &str) -> Result<toml::Table> {
    text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(0, |span| text[..span.start].matches('\n').count()) + 1;
        anyhow::anyhow!("line {line} is no TOML: {}", e.message())
    })
}

fn entries(text: &str, problems: &mut Problems) -> Result<BTreeMap<String, String>> {
    let mut entries = BTreeMap::new();
    for (name, value) in table(text)? {
        let entry = entry(&name, value);
        if let Some(text) = problems.take(&name, entry) {
            entries.insert(name.to_lowercase(), text);
        }
    }
    Ok(entries)
}

fn entry(name: &str, value: toml::Value) -> Result<String> {
    let mut known = SETTINGS.iter().map(|(setting, ..)| *setting).chain(["JWT_SECRET", "PORT"]);
    if !known.any(|setting| setting.eq_ignore_ascii_case(name)) {
        bail!("is no setting; `pganalytics-api --help` names them all");
    }
    match value {
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(truth) => Ok(truth.to_string()),
        _ => bail!("must be a string, a number, true or false"),
    }
}

/// Problems, collected.
#[derive(Default)]
struct Problems(String);

impl Problems {
    fn take<T>(&mut self, name: &str, result: Result<T>) -> Option<T> {
        result.inspect_err(|e| self.0 += &format!("\n  {name}: {e:#}")).ok()
    }

    fn number(&mut self, source: &Source, name: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let text = source.or_default(name);
        let number = text
            .trim()
            .parse()
            .ok()
            .filter(|n| range.contains(n))
            .with_context(|| format!("{text:?} is no number from {} to {}", range.start(), range.end()));
        self.take(name, number)
    }

    fn end<T>(self, value: Option<T>) -> Result<T> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => bail!("the configuration cannot be used:{}", self.0),
        }
    }
}

/// All that `serve` needs.
pub fn load(source: &Source) -> Result<(Config, Secrets)> {
    let mut problems = Problems(source.problems.clone());
    let config = Config::checked(source, &mut problems);
    let secrets = Secrets::checked(source, &mut problems);
    problems.end(config.zip(secrets))
}

impl Config {
    /// What other commands need.
    pub fn load(source: &Source) -> Result<Config> {
        let mut problems = Problems(source.problems.clone());
        let config = Config::checked(source, &mut problems);
        problems.end(config)
    }

    fn checked(source: &Source, problems: &mut Problems) -> Option<Config> {
        let url = |name: &str| source.get(name).map(SecretString::from);
        let understood = |url: SecretString| pool::check(&url).map(|()| url);
        let database = url("DATABASE_URL").context("is not set").and_then(understood);
        let database = problems.take("DATABASE_URL", database);
        let direct = url("DIRECT_DATABASE_URL").map(understood).transpose();
        let direct = problems.take("DIRECT_DATABASE_URL", direct);
        let (name, listen) = match (source.get("LISTEN"), source.get("PORT")) {
            (None, Some(port)) => ("PORT", format!("0.0.0.0:{}", port.trim())),
            _ => ("LISTEN", source.or_default("LISTEN")),
        };
        let listen = listen.parse().with_context(|| format!("{listen:?} is no address:port"));
        let listen = problems.take(name, listen);
        let log_level = source.or_default("LOG_LEVEL");
        problems.take("LOG_LEVEL", log::filter(&log_level));
        let format = source.or_default("LOG_FORMAT");
        let log_json = problems.take(
            "LOG_FORMAT",
            match format.as_str() {
                "json" => Ok(true),
                "text" => Ok(false),
                _ => Err(anyhow::anyhow!("{format:?} is neither json nor text")),
            },
        );
        let retention =
            problems.take("RETENTION_DAYS", Retention::parse(&source.or_default("RETENTION_DAYS")));
        let enabled = source.or_default("TLS_ENABLED");
        let enabled: Result<bool> =
            enabled.parse().with_context(|| format!("{enabled:?} is neither true nor false"));
        let tls = problems.take("TLS_ENABLED", enabled).map(|enabled| {
            enabled.then(|| Tls {
                certificate: source.or_default("TLS_CERT").into(),
                key: source.or_default("TLS_KEY").into(),
                client_ca: source.get("TLS_CLIENT_CA").map(PathBuf::from),
            })
        });
        let limits = problems.take("RATE_LIMITS", Limits::parse(&source.or_default("RATE_LIMITS")));
        let proxies = problems.take("TRUSTED_PROXIES", Proxies::parse(&source.or_default("TRUSTED_PROXIES")));
        let origins = problems.take("CORS_ORIGINS", origins(&source.or_default("CORS_ORIGINS")));
        let pool_size = problems.number(source, "POOL_SIZE", 1..=1000);
        let max_body_bytes = problems.number(source, "MAX_BODY_BYTES", 1 << 16..=1 << 30);
        let max_batch_bytes = problems.number(source, "MAX_BATCH_BYTES", 1 << 16..=1 << 30);
        let memory_bytes = problems.number(source, "MEMORY_BYTES", 1 << 20..=1 << 40);
        let ahead = problems.number(source, "MAX_AHEAD_SECONDS", 0..=86_400);
        let dead_letter_days = problems.number(source, "DEAD_LETTER_DAYS", 1..=36_500);
        let size = |n: i64| usize::try_from(n).unwrap_or(usize::MAX);
        let database = database?;
        Some(Config {
            direct: direct?.unwrap_or_else(|| database.clone()),
            database,
            listen: listen?,
            log_level,
            log_json: log_json?,
            environment: source.or_default("ENVIRONMENT"),
            pool_size: size(pool_size?),
            max_body_bytes: size(max_body_bytes?),
            max_batch_bytes: size(max_batch_bytes?),
            memory_bytes: size(memory_bytes?),
            ahead: SignedDuration::from_secs(ahead?),
            retention: retention?,
            dead_letter_days: dead_letter_days?,
            tls: tls?,
            limits: limits?,
            proxies: proxies?,
            origins: origins?,
        })
    }
}

impl Secrets {
    fn checked(source: &Source, problems: &mut Problems) -> Option<Secrets> {
        let signing = source.get("JWT_SECRET_KEY").or_else(|| source.get("JWT_SECRET"));
        let signing = problems.take("JWT_SECRET_KEY", signing.context("is not set").and_then(long_enough));
        let previous = source.get("JWT_PREVIOUS_KEYS").unwrap_or_default();
        let previous = previous.split(',').map(str::trim).filter(|key| !key.is_empty());
        let previous: Result<Vec<_>> = previous.map(|key| long_enough(key.to_owned())).collect();
        let previous = problems.take("JWT_PREVIOUS_KEYS", previous);
        let registration = source.get("REGISTRATION_SECRET").map(SecretString::from);
        let registration = problems.take("REGISTRATION_SECRET", registration.context("is not set"));
        let scrape = source.get("SCRAPE_TOKEN").map(SecretString::from);
        Some(Secrets { signing: signing?, previous: previous?, registration: registration?, scrape })
    }
}

/// As browsers send them: scheme, host, and port where it is not the usual one.
fn origins(text: &str) -> Result<Vec<HeaderValue>> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let origin = |word: &str| {
        let host = word.strip_prefix("https://").or_else(|| word.strip_prefix("http://"));
        let fit = host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ']));
        HeaderValue::from_str(word)
            .ok()
            .filter(|_| fit)
            .with_context(|| format!("{word:?} is no origin such as https://host"))
    };
    words.map(origin).collect()
}

fn long_enough(key: String) -> Result<SecretString> {
    let key = SecretString::from(key);
    match key.expose_secret().len() {
        32.. => Ok(key),
        short => bail!("has {short} bytes, 32 are the least: `openssl rand -base64 48` makes one"),
    }
}

/// What `--help` ends with.
pub fn help() -> String {
    let mut text =
        format!("Settings, from the environment or in lower case from {FILE} (CONFIG_FILE names another):\n");
    for (name, default, about) in SETTINGS {
        let default = if default.is_empty() { String::new() } else { format!(" [{default}]") };
        let _ = writeln!(text, "  {name:<20} {about}{default}");
    }
    text
}
