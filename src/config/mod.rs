//! The configuration: what an operator may say, resolved into plain data before anything else happens.
//!
//! Owns the way from a TOML file, the environment and libpq's own files to one [`Config`]. Refuses to guess: a
//! value of the wrong type or out of bounds is an error with its place in the file, all errors are told at once,
//! and an unknown key is a warning with the nearest known name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
pub use settings::keys;
use settings::{document, problem, value};

use crate::collect::Part;

mod advice;
mod dsn;
mod environment;
pub mod example;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod layers;
mod load;
mod migrate;
mod passfile;
pub mod remote;
mod resolve;
mod secret;
mod server;
mod service;
mod ssl;
mod target;
#[cfg(test)]
mod tests;

pub use advice::advice;
pub(crate) use dsn::is_space;
pub use load::{DEFAULT_PATH, Loaded, load, load_with};
pub use migrate::{Migrated, migrate, migrate_with};
pub use passfile::Passwords;
pub use problem::{Problem, Problems};
pub(crate) use resolve::is_id;
pub use secret::registration_secret;
pub(crate) use target::is_newer;

/// In the state directory: the id that registering stored.
pub const ID_FILE: &str = "collector.id";

/// Everything one run needs to know. Nothing below reads a file or the environment again.
#[derive(Clone)]
pub struct Config {
    /// Where it was read from: named in messages.
    pub path: PathBuf,
    pub collector: Identity,
    pub run: Run,
    pub backend: Backend,
    /// `[postgres]` first, then `[[servers]]` in file order. Names are unique.
    pub servers: Vec<Server>,
    pub pool: Pool,
    /// `[collector_threading] thread_pool_size`
    pub threads: usize,
    pub switches: BTreeMap<&'static str, Switch>,
    pub limits: Limits,
    /// `[[custom]]`: parts of the collector `custom`.
    pub custom: &'static [Part],
    pub spool: Spool,
    pub logging: Logging,
    pub privacy: Privacy,
    /// `[prometheus] textfile`
    pub textfile: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub struct Identity {
    /// `None`: not registered, and no id in file or environment.
    pub id: Option<String>,
    pub name: String,
    pub hostname: String,
    pub address: Option<String>,
}

impl Identity {
    /// The id, or for an unregistered collector its name: what batches and schedules go by.
    pub fn known_as(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.name)
    }
}

#[derive(Clone, Debug)]
pub struct Run {
    pub interval: Duration,
    pub push_interval: Duration,
    pub config_pull_interval: Duration,
    pub timeout: Duration,
    /// `None`: max(3000 ms, 30 ms x databases), known only after the probe.
    pub server_budget: Option<Duration>,
    pub splay: Duration,
    /// Names of collectors whose skip makes the exit code 1.
    pub required: Vec<String>,
    pub state_dir: PathBuf,
}

impl Run {
    /// What a target may count on: after so long there is something new from here.
    pub fn promise(&self) -> Duration {
        self.interval.max(self.push_interval)
    }
}

#[derive(Clone)]
pub struct Backend {
    /// As it was written: what `--validate-config` prints and what marks of sent texts are bound to.
    pub url: String,
    pub target: Target,
    pub token: Token,
    /// In the state directory: where a refreshed token goes if its own place takes none.
    pub kept: PathBuf,
    pub timeout: Duration,
    /// May hold a password: never printed.
    pub proxy: Option<SecretString>,
    pub tls: BackendTls,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Base URL without a trailing slash.
    Http(String),
    /// A directory that gets one JSON-lines file a day.
    File(PathBuf),
    Stdout,
}

/// Where the collector's token comes from.
#[derive(Clone)]
pub enum Token {
    /// Given in the environment, or in the configuration file and not refreshed since.
    Inline {
        token: SecretString,
        /// Where it was found, for the log.
        from: String,
        /// Where a refreshed one is stored. From then on that one is the newer, unless the environment gives one.
        refreshed: PathBuf,
        from_environment: bool,
    },
    /// Read at push time; a refreshed one replaces it, or lies beside it as [`Backend::kept`], and then the newer counts.
    File(PathBuf),
    /// The same for what registering stored in the state directory, where no link is followed.
    Stored(PathBuf),
}

/// `[tls]`: for the backend.
#[derive(Clone, Debug)]
pub struct BackendTls {
    pub verify: bool,
    pub ca_file: Option<PathBuf>,
    /// Certificate and key for mutual TLS.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// One server to watch.
#[derive(Clone)]
pub struct Server {
    pub name: String,
    /// Tried in order, as libpq does: (host name, address or socket directory; port).
    pub hosts: Vec<(String, u16)>,
    pub user: String,
    /// Asked through [`Server::password_for`]: a password file may have one for each database.
    pub password: Passwords,
    /// Where the probe connects when `databases` is "*".
    pub database: String,
    pub databases: Databases,
    pub exclude_databases: Vec<String>,
    pub ssl: Ssl,
    pub connect_timeout: Duration,
    pub lock_timeout: Duration,
    pub statement_timeout: Duration,
    /// Where its stderr goes, when it keeps no log files of its own.
    pub log_file: Option<PathBuf>,
}

impl Server {
    /// By its address; it may be the near end of a tunnel all the same.
    pub fn is_local(&self) -> bool {
        self.hosts.iter().all(|(host, _)| {
            host.starts_with('/') || matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1")
        })
    }

    /// The password for one of `hosts` and a database, if any is to be sent.
    pub fn password_for(&self, host: &str, port: u16, database: &str) -> Option<&SecretString> {
        self.password.find(host, port, database, &self.user)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Databases {
    /// "*": every database that allows connections.
    All,
    Named(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssl {
    pub mode: SslMode,
    /// `None` with `VerifyFull`: the system's own roots (`sslrootcert = "system"`).
    pub root_cert: Option<PathBuf>,
    pub client: Option<(PathBuf, PathBuf)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// The budget of connections, for each server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    pub min: u32,
    pub max: u32,
    pub idle_timeout: Duration,
}

/// `[<collector>] enabled, interval`, where the file says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switch {
    pub enabled: Option<bool>,
    pub interval: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub tables: u32,
    pub indexes: u32,
    pub sizes_interval: Duration,
    /// `query_stats_limit`: statements of one database.
    pub queries: u32,
    pub text_bytes: usize,
    pub text_bytes_per_run: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spool {
    pub max_bytes: u64,
    pub max_age: Duration,
    pub reject_max_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    pub level: log::LevelFilter,
    pub json: bool,
    pub output: Output,
    pub file_path: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    File,
    Stderr,
    Stdout,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Privacy {
    /// `query_text = "normalized"`; false for "none", and where names are dropped: no statement text leaves.
    pub query_text: bool,
    pub identifiers: Treatment,
    pub client_addresses: Treatment,
}

impl Privacy {
    /// Everything may leave.
    pub fn is_open(&self) -> bool {
        self.query_text && !self.hides()
    }

    /// Something is hashed: where names are dropped, what tells items apart.
    pub fn hashes(&self) -> bool {
        self.identifiers != Treatment::Keep || self.client_addresses == Treatment::Hash
    }

    /// Names or addresses stay here.
    pub fn hides(&self) -> bool {
        [self.identifiers, self.client_addresses].iter().any(|it| *it != Treatment::Keep)
    }
}

/// What becomes of what is sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    Keep,
    Hash,
    Drop,
}

impl Treatment {
    pub fn of(self, text: &str, hashed: impl FnOnce() -> String) -> Option<String> {
        match self {
            Treatment::Keep => Some(text.to_owned()),
            Treatment::Hash => Some(hashed()),
            Treatment::Drop => None,
        }
    }
}
