//! The configuration as a whole: files in, resolved values, problems and warnings out.

#![allow(clippy::unwrap_used)]

mod connection;
mod errors;
mod example;
mod migrate;
mod older;
mod parsers;
mod secrets;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Config, Loaded, Problems, Server, Treatment, load_with};

/// A home directory and an environment of the test's own.
struct Home {
    directory: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

impl Home {
    fn new() -> Home {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().unwrap().to_owned();
        let variables = [("HOME", path.clone()), ("PGSYSCONFDIR", path), ("PGUSER", "monitor".to_owned())];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        Home { directory, variables }
    }

    fn with(variables: &[(&str, &str)]) -> Home {
        let mut home = Home::new();
        home.variables.extend(variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file that only its owner may read.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn load(&self, toml: &str) -> Result<Loaded, Problems> {
        let path = self.write("c.toml", toml);
        self.load_file(Some(&path))
    }

    fn load_file(&self, path: Option<&Path>) -> Result<Loaded, Problems> {
        load_with(path, &|name| self.variables.get(name).cloned())
    }

    fn config(&self, toml: &str) -> Config {
        match self.load(toml) {
            Ok(loaded) => loaded.config,
            Err(problems) => panic!("{toml}\n{problems}"),
        }
    }

    fn server(&self, toml: &str) -> Server {
        self.config(toml).servers.remove(0)
    }

    fn warnings(&self, toml: &str) -> Vec<String> {
        match self.load(toml) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => panic!("{toml}\n{problems}"),
        }
    }

    /// All problems, without the directory that the test lives in.
    fn problems(&self, toml: &str) -> Vec<String> {
        let Err(problems) = self.load(toml) else { panic!("no problem in\n{toml}") };
        let directory = format!("{}/", self.directory.path().display());
        problems.to_string().lines().map(|line| line.replace(&directory, "")).collect()
    }
}

/// Everything in a configuration as text, secrets too, to compare two of them.
fn told(config: &Config) -> String {
    use secrecy::ExposeSecret;
    let Config { path: _, collector, run, backend, servers, pool, threads, switches, limits, .. } = config;
    let Config { spool, logging, privacy, textfile, .. } = config;
    let token = match &backend.token {
        super::Token::Inline { token, .. } => token.expose_secret().to_owned(),
        super::Token::File(path) | super::Token::Stored(path) => path.display().to_string(),
    };
    let proxy = backend.proxy.as_ref().map(|proxy| proxy.expose_secret().to_owned());
    let (target, timeout, tls) = (&backend.target, &backend.timeout, &backend.tls);
    let mut text = format!("{collector:?}\n{run:?}\n{target:?} {token} {timeout:?} {proxy:?} {tls:?}\n");
    for server in servers {
        text.push_str(&told_server(server));
    }
    text + &format!(
        "{pool:?}\n{threads}\n{switches:?}\n{limits:?}\n{spool:?}\n{logging:?}\n{privacy:?}\n{textfile:?}\n"
    )
}

fn told_server(server: &Server) -> String {
    use secrecy::ExposeSecret;
    let Server { name, hosts, user, database, databases, exclude_databases, ssl, log_file, .. } = server;
    let (host, port) = &hosts[0];
    let password = server.password_for(host, *port, database).map(|p| p.expose_secret().to_owned());
    let timeouts = (server.connect_timeout, server.lock_timeout, server.statement_timeout);
    format!(
        "{name} {hosts:?} {user} {password:?} {database} {databases:?} {exclude_databases:?} {ssl:?} {timeouts:?} {log_file:?}\n"
    )
}

#[test]
fn an_empty_file_gives_the_documented_defaults() {
    let home = Home::new();
    let config = home.config("");
    assert_eq!(config.collector.id, None);
    assert_eq!(config.collector.name, config.collector.hostname);
    assert_eq!((config.run.interval.as_secs(), config.run.timeout.as_secs()), (60, 50));
    assert_eq!((config.run.push_interval.as_secs(), config.run.config_pull_interval.as_secs()), (60, 300));
    assert_eq!(config.run.server_budget, None);
    assert_eq!(config.backend.url, "https://localhost:8080");
    assert_eq!((config.pool.min, config.pool.max, config.pool.idle_timeout.as_secs()), (2, 10, 300));
    assert_eq!((config.threads, config.limits.queries), (4, 100));
    assert_eq!(
        (config.limits.tables, config.limits.indexes, config.limits.sizes_interval.as_secs()),
        (500, 500, 300)
    );
    assert_eq!((config.limits.text_bytes, config.limits.text_bytes_per_run), (10_000, 1_048_576));
    assert_eq!((config.spool.max_bytes, config.spool.reject_max_bytes), (268_435_456, 16_777_216));
    assert_eq!(config.spool.max_age.as_secs(), 168 * 3600);
    assert!(config.privacy.is_open() && config.switches.is_empty() && config.textfile.is_none());
    assert!(
        matches!(&config.backend.token, super::Token::Stored(p) if p.ends_with("pganalytics/collector.token"))
    );
    let server = &config.servers[0];
    assert_eq!(
        (server.name.as_str(), server.hosts.as_slice()),
        ("localhost:5432", &[("localhost".to_owned(), 5432)][..])
    );
    assert_eq!((server.lock_timeout.as_millis(), server.statement_timeout.as_millis()), (100, 5000));
    assert_eq!(server.databases, super::Databases::Named(vec!["postgres".to_owned()]));
    assert_eq!((server.ssl.mode, server.user.as_str()), (super::SslMode::Prefer, "monitor"));
}

#[test]
fn names_that_are_dropped_take_the_texts_along() {
    let of = |words: &str| Home::new().config(&format!("[privacy]\n{words}")).privacy;
    let dropped = of("identifiers = \"drop\"");
    assert!(!dropped.query_text && dropped.hides());
    let hashed = of("identifiers = \"hash\"\nclient_addresses = \"drop\"");
    assert!(hashed.query_text && !hashed.is_open());
    assert_eq!((hashed.identifiers, hashed.client_addresses), (Treatment::Hash, Treatment::Drop));
    let silent = of("query_text = \"none\"");
    assert!(!silent.hides() && !silent.is_open());
}

#[test]
fn the_environment_beats_the_file() {
    let toml = "[collector]\nid = \"a\"\nname = \"b\"\n[backend]\nurl = \"https://f\"\ntoken = \"t\"\n\
                [postgres]\nhost = \"f\"\nport = 1\npassword = \"p\"\n[logging]\nlevel = \"warn\"\n\
                [[servers]]\nhost = \"other\"\npassword = \"q\"\n";
    let ours = [
        ("COLLECTOR_ID", "env-id"),
        ("COLLECTOR_NAME", "Env name"),
        ("COLLECTOR_SPLAY", "7"),
        ("BACKEND_URL", "http://env:1/"),
        ("BACKEND_TOKEN", "env-token"),
        ("PG_HOST", "env-host"),
        ("PG_PORT", "6543"),
        ("PG_PASSWORD", "env-password"),
        ("LOG_LEVEL", "DEBUG"),
    ];
    let config = Home::with(&ours).config(toml);
    assert_eq!(config.collector.id.as_deref(), Some("env-id"));
    assert_eq!(config.collector.name, "Env name");
    assert_eq!(config.run.splay.as_secs(), 7);
    assert_eq!(config.backend.url, "http://env:1/");
    assert_eq!(config.backend.target, super::Target::Http("http://env:1".to_owned()));
    assert_eq!(config.logging.level, log::LevelFilter::Debug);
    let text = told(&config);
    assert!(text.contains("env-token"), "{text}");
    assert!(text.contains("env-host:6543 [(\"env-host\", 6543)] monitor Some(\"env-password\")"), "{text}");
    assert!(text.contains("other:5432 [(\"other\", 5432)] monitor Some(\"q\")"), "{text}");
}

#[test]
fn a_splay_of_the_environment_keeps_the_bounds_of_the_file() {
    for wrong in ["3601", "-1", "soon"] {
        let found = Home::with(&[("COLLECTOR_SPLAY", wrong)]).problems("");
        assert!(found.iter().any(|f| f.contains("COLLECTOR_SPLAY must be 0 to 3600")), "{wrong}: {found:?}");
    }
    let home = Home::with(&[("COLLECTOR_SPLAY", "3600")]);
    assert_eq!(home.config("[collector]\ninterval = 7200\n").run.splay.as_secs(), 3600);
}

/// Runs that begin each minute and wait for an hour would be sixty at a time.
#[test]
fn a_splay_is_half_of_the_interval_at_most() {
    let told = |home: &Home, splay: &str| {
        let toml = format!("[collector]\n{splay}interval = 60\n");
        let warned = home.warnings(&toml).iter().filter(|line| line.contains("splay")).count();
        (home.config(&toml).run.splay.as_secs(), warned)
    };
    let plain = Home::new();
    assert_eq!(told(&plain, "splay = 30\n"), (30, 0));
    assert_eq!(told(&plain, "splay = 3600\n"), (30, 1));
    assert_eq!(told(&Home::with(&[("COLLECTOR_SPLAY", "31")]), ""), (30, 1));
}

#[test]
fn a_stored_id_wins_over_the_file_and_loses_to_the_environment() {
    let home = Home::new();
    home.write("state/collector.id", "stored-7\n");
    let toml = format!("[collector]\nid = \"file\"\nstate_dir = \"{}\"\n", home.path("state").display());
    assert_eq!(home.config(&toml).collector.id.as_deref(), Some("stored-7"));
    let mut home = home;
    home.variables.insert("COLLECTOR_ID".to_owned(), "env".to_owned());
    assert_eq!(home.config(&toml).collector.id.as_deref(), Some("env"));
}

#[test]
fn the_path_comes_from_the_argument_then_the_environment_then_the_default() {
    let mut home = Home::new();
    let named = home.write("named.toml", "[collector]\nid = \"named\"\n");
    let from_env = home.write("env.toml", "[collector]\nid = \"env\"\n");
    home.variables.insert("PGANALYTICS_CONFIG".to_owned(), from_env.display().to_string());
    let id = |path: Option<&Path>| home.load_file(path).ok().and_then(|loaded| loaded.config.collector.id);
    assert_eq!(id(Some(&named)).as_deref(), Some("named"));
    assert_eq!(id(None).as_deref(), Some("env"));
    assert_eq!(super::DEFAULT_PATH, "/etc/pganalytics/collector.toml");
}

#[test]
fn advice_names_what_is_missing_on_disk() {
    let home = Home::new();
    let root = home.directory.path().display();
    let toml = format!(
        "[collector]\nstate_dir = \"{root}/state\"\n[logging]\nfile_path = \"{root}/log/c.log\"\n\
         [tls]\nca_file = \"{root}/ca.crt\"\n[postgres]\nhost = \"h\"\nsslmode = \"verify-ca\"\n\
         sslrootcert = \"{root}/pg.crt\"\n"
    );
    let said = super::advice(&home.config(&toml)).join("\n");
    for part in ["state directory", "log directory", "token ", "ca.crt", "server h:5432"] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    for name in ["state", "log"] {
        std::fs::create_dir(home.path(name)).unwrap();
    }
    for name in ["state/collector.token", "ca.crt", "pg.crt"] {
        home.write(name, "x");
    }
    assert_eq!(super::advice(&home.config(&toml)), Vec::<String>::new());
}
