//! What the doctor reads of a server beyond what a cycle knows: settings, the role as such, and the extension in each
//! watched database. Each server is looked at from a thread of its own; one that falls silent keeps what it has told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use postgres::types::Type;

use crate::collect::coordinator::Collected;
use crate::collect::watch::{Phase, Watch};
use crate::config;
use crate::pg::connect::connect;
use crate::pg::failure::Failure;
use crate::pg::probe::Facts;
use crate::pg::progress::Progress;
use crate::pg::session::{Limits, Missing, Session};
use crate::pg::tls::Connector;

const ROLE: &str = include_str!("role.13.sql");
const SETTINGS: &str = include_str!("settings.13.sql");
const EXTENSION_SQL: &str = include_str!("extension.13.sql");

/// The one extension that a collector reads.
pub(super) const EXTENSION: &str = "pg_stat_statements";

const WANTED: &[&str] = &[
    "compute_query_id",
    "pg_stat_statements.max",
    "pg_stat_statements.track",
    "reserved_connections",
    "shared_preload_libraries",
    "track_activities",
    "track_counts",
    "track_io_timing",
];

/// What a server may take beyond its timeouts before it counts as silent.
const GRACE: Duration = Duration::from_secs(3);

/// All that was learnt of one server.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) role: Option<Role>,
    /// Those that the role may see.
    pub(super) settings: BTreeMap<String, Setting>,
    pub(super) extensions: BTreeMap<String, Extension>,
}

#[derive(Clone, Debug)]
pub(super) struct Role {
    pub(super) inherits: bool,
    /// The server has pg_use_reserved_connections.
    pub(super) can_reserve: bool,
    pub(super) reserves: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) value: String,
    pub(super) source: String,
}

/// In one database.
#[derive(Clone, Debug)]
pub(super) struct Extension {
    /// The version that the server would create; `None`: its files are not there.
    pub(super) offered: Option<String>,
    pub(super) there: Option<There>,
}

#[derive(Clone, Debug)]
pub(super) struct There {
    pub(super) version: String,
    /// Quoted where SQL wants it so.
    pub(super) schema: String,
    pub(super) is_open: bool,
    /// Functions of it that the role may not call.
    pub(super) closed: Vec<String>,
}

enum Piece {
    Server(Role, BTreeMap<String, Setting>),
    Database(String, Extension),
}

/// Looks at every server that has answered the cycle, in its order.
pub(super) fn all(collected: &Collected, deadline: Instant) -> Vec<Seen> {
    let answering: Vec<Option<Receiver<Piece>>> =
        collected.watches.iter().map(|w| start(w, deadline)).collect();
    let wait = |watch: &Watch, pieces: Option<Receiver<Piece>>| {
        let patience = GRACE + watch.config.connect_timeout + watch.config.statement_timeout;
        pieces.map_or_else(Seen::default, |pieces| gather(&pieces, patience, deadline))
    };
    collected.watches.iter().zip(answering).map(|(watch, pieces)| wait(watch, pieces)).collect()
}

fn start(watch: &Watch, deadline: Instant) -> Option<Receiver<Piece>> {
    let facts = watch.facts.clone().filter(|_| matches!(watch.phase, Phase::Ready))?;
    let (sender, pieces) = channel();
    let look = Look { server: watch.config.clone(), facts, deadline, sender };
    std::thread::Builder::new().name(format!("look-{}", watch.config.name)).spawn(move || look.run()).ok()?;
    Some(pieces)
}

fn gather(pieces: &Receiver<Piece>, patience: Duration, deadline: Instant) -> Seen {
    let mut seen = Seen::default();
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).min(patience);
        match pieces.recv_timeout(left) {
            Ok(Piece::Server(role, settings)) => (seen.role, seen.settings) = (Some(role), settings),
            Ok(Piece::Database(name, extension)) => drop(seen.extensions.insert(name, extension)),
            Err(_) => return seen,
        }
    }
}

struct Look {
    server: Arc<config::Server>,
    facts: Arc<Facts>,
    deadline: Instant,
    sender: Sender<Piece>,
}

impl Look {
    /// What cannot be looked at has refused the cycle as well, which says so.
    fn run(&self) {
        let open = super::gaps::watched(&self.server, &self.facts).into_iter().filter(|d| d.is_open());
        let mut names: Vec<String> =
            open.map(|d| d.name).filter(|name| *name != self.facts.database).collect();
        names.insert(0, self.facts.database.clone());
        for (n, database) in names.iter().enumerate() {
            let _ = self.database(database, n == 0);
        }
    }

    fn database(&self, database: &str, first: bool) -> Result<(), Failure> {
        let opened =
            connect(&self.server, database, self.deadline, &Progress::default(), &Connector::default());
        let mut connection = opened.map_err(|refusal| Failure::Value(refusal.message))?;
        let limits = Limits {
            statement_timeout: self.server.statement_timeout,
            lock_timeout: self.server.lock_timeout,
            deadline: self.deadline,
            // The role as such: what it lacks is asked for by name.
            as_monitor: false,
        };
        let mut session = Session::begin(&mut connection.client, limits, Arc::default(), Missing::default())?;
        // Nobody listens any more when the time is up.
        if first {
            let role = role(&mut session)?;
            let _ = self.sender.send(Piece::Server(role, settings(&mut session)?));
        }
        let extension = extension(&mut session, grantee(&self.facts))?;
        let _ = self.sender.send(Piece::Database(database.to_owned(), extension));
        session.commit().map(drop)
    }
}

/// As whom the collector reads: what is granted to a role that it does not ask as would not count.
pub(super) fn grantee(facts: &Facts) -> &str {
    if facts.as_monitor { "pg_monitor" } else { &facts.role }
}

fn role(session: &mut Session) -> Result<Role, Failure> {
    let mut found = None;
    session.query("check.role", ROLE, &[], |row| {
        found = Some(Role {
            inherits: row.try_get("inherits")?,
            can_reserve: row.try_get("can_reserve")?,
            reserves: row.try_get("reserves")?,
        });
        Ok(())
    })?;
    found.ok_or_else(|| Failure::Value("the server does not know the role that asks".to_owned()))
}

fn settings(session: &mut Session) -> Result<BTreeMap<String, Setting>, Failure> {
    let mut found = BTreeMap::new();
    session.query("check.settings", SETTINGS, &[(&WANTED, Type::TEXT_ARRAY)], |row| {
        let setting = Setting { value: row.try_get("setting")?, source: row.try_get("source")? };
        found.insert(row.try_get("name")?, setting);
        Ok(())
    })?;
    Ok(found)
}

fn extension(session: &mut Session, role: &str) -> Result<Extension, Failure> {
    let mut found = Extension { offered: None, there: None };
    session.query(
        "check.extension",
        EXTENSION_SQL,
        &[(&EXTENSION, Type::TEXT), (&role, Type::TEXT)],
        |row| {
            found.offered = row.try_get("offered")?;
            let version: Option<String> = row.try_get("version")?;
            let closed: Option<String> = row.try_get("closed")?;
            if let Some(version) = version {
                found.there = Some(There {
                    version,
                    schema: row.try_get("schema")?,
                    is_open: row.try_get("is_open")?,
                    closed: closed.iter().flat_map(|list| list.lines()).map(str::to_owned).collect(),
                });
            }
            Ok(())
        },
    )?;
    Ok(found)
}
