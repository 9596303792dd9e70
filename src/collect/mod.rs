//! Collecting: what a collector is.
//!
//! A collector is data: a name, a rhythm, and parts. A part is one statement, gated by version, or, where SQL is not
//! enough, one function. A collector does not know its schedule, its database, other collectors, or where its items
//! go.

pub mod agent;
pub mod back_off;
pub mod board;
pub mod cancel;
pub mod coordinator;
pub mod custom;
pub mod disk_usage;
mod host;
pub mod local;
pub mod mask;
pub mod part;
pub mod pg_archiver;
pub mod pg_bgwriter;
pub mod pg_bloat;
pub mod pg_cache;
pub mod pg_connections;
pub mod pg_extensions;
pub mod pg_io;
pub mod pg_locks;
pub mod pg_log;
pub mod pg_progress;
pub mod pg_query_stats;
pub mod pg_replication;
pub mod pg_schema;
pub mod pg_security;
pub mod pg_sequences;
pub mod pg_settings;
pub mod pg_slru;
pub mod pg_stats;
pub mod pg_wal;
pub mod pg_xmin;
pub mod plan;
mod recipient;
pub mod refused;
pub mod registry;
pub mod schedule;
pub mod seek;
pub mod sql;
pub mod statement_text;
pub mod sysstat;
pub mod visit;
pub mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;

use part::Done;
use schedule::seed;
use wire::{Outcome, Want};

use crate::config::Config;
use crate::pg::probe::Facts;
use crate::pg::session::Session;
use crate::privacy::Text;
use crate::state::ledger::RawJson;

/// One metric type.
pub struct Collector {
    /// The same word in folder, registry, configuration, wire and documents.
    pub name: &'static str,
    pub about: &'static str,
    pub scope: Scope,
    pub every_s: u64,
    pub enabled: bool,
    /// What it cannot do without, for people.
    pub needs: &'static str,
    /// What its texts are. One that is missing here leaves only where `[privacy]` hides nothing.
    pub texts: &'static [Text],
    pub gather: Gather,
}

impl Collector {
    /// What it asks is the operator's own SQL.
    pub fn is_operators(&self) -> bool {
        matches!(self.gather, Gather::Configured(_))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Host,
    Server,
    Database,
    /// The collector itself.
    Agent,
}

pub enum Gather {
    /// Read from the host: see `host.rs`.
    Host,
    Sql(&'static [Part]),
    /// Parts that the configuration describes.
    Configured(fn(&Config) -> &'static [Part]),
    /// Made of the run's own figures when everything else is in.
    Agent,
}

impl Gather {
    /// What is asked of a server.
    pub fn parts(&self, config: &Config) -> &'static [Part] {
        match self {
            Gather::Sql(parts) => parts,
            Gather::Configured(parts) => parts(config),
            Gather::Host | Gather::Agent => &[],
        }
    }
}

/// A part of a collector's item: what is asked for, and where. Written as what differs from [`Part::SERVER`] or
/// [`Part::DATABASE`].
pub struct Part {
    pub key: &'static str,
    pub at: At,
    pub on: On,
    pub every: Every,
    pub needs: &'static [Need],
    pub run: Run,
}

impl Part {
    pub const SERVER: Part = Part {
        key: "",
        at: At::Server,
        on: On::Any,
        every: Every::Time,
        needs: &[],
        run: Run::Sql { shape: Shape::Rows, binds: &[], variants: &[] },
    };
    pub const DATABASE: Part = Part { at: At::Database, ..Part::SERVER };

    /// The oldest server that has it.
    pub fn since(&self) -> u32 {
        match &self.run {
            Run::Sql { variants, .. } => variants.first().map_or(13, |v| v.since),
            Run::Code(_) | Run::Custom(_) | Run::Told(_) => 13,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Once for a server, wherever the probe connected.
    Server,
    /// In each watched database.
    Database,
}

/// The servers that have something to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    Any,
    Primary,
    Standby,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// With its collector.
    Time,
    /// At `sizes_interval`.
    Sizes,
    /// As it says itself.
    Seconds(u64),
}

/// What a part cannot do without, or not as well. Looked up by the probe, so that nothing is sent that must fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Extension(&'static str),
    /// The rights of this role.
    Role(&'static str),
    /// A function to call, `pg_catalog.f()`, or a relation to read, `pg_catalog.r`.
    Use(&'static str),
    /// The rights of this role, or else it sees less than there is, and says so.
    Sees(&'static str),
    /// A function to call, as with `Use`, or else it tells less, and says so.
    Adds(&'static str),
}

pub enum Run {
    Sql {
        shape: Shape,
        binds: &'static [Bind],
        variants: &'static [Variant],
    },
    Code(fn(&mut Session, &Cx) -> Vec<Placed>),
    /// A query of the operator's.
    Custom(&'static custom::Query),
    /// Made of what became of the visit's earlier parts: asks the server nothing, and so answers whatever became of them.
    Told(fn(&Cx) -> Done),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One row for each watched database, which its first column names: the others become fields of that
    /// database's item.
    Split,
    /// An array under the part's key. What an earlier part of the visit has left for the oid in a row's first column
    /// is laid into that row.
    Rows,
    /// One row, an object under the part's key; without a row there is none.
    Object,
    /// One row, whose columns become the item's own fields.
    Fields,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bind {
    /// Names of the watched databases.
    Databases,
    TablesLimit,
    IndexesLimit,
}

/// The text of a part from a version on; the greatest that is not above the server's is taken.
pub struct Variant {
    pub since: u32,
    pub sql: &'static str,
}

/// What a part's code may know of the run.
pub struct Cx<'a> {
    /// The server's name.
    pub server: &'a str,
    pub config: &'a Config,
    pub facts: &'a Facts,
    /// The watched databases of this server.
    pub databases: &'a [String],
    pub memory: &'a Memory,
    /// Parts of this visit that were asked before, and not answered as they should be.
    pub ended: &'a [Ended],
}

impl Cx<'_> {
    /// Whether by its address the server is on this host.
    pub fn server_is_local(&self) -> bool {
        self.config.servers.iter().any(|s| s.name == self.server && s.is_local())
    }

    /// Where a collector keeps what it knows of this server. A primary and its standby share the identifier: the name
    /// tells them apart.
    pub fn kept(&self, folder: &str, ending: &str) -> PathBuf {
        let file = format!("{}-{:016x}{ending}", self.facts.system_identifier, seed(&[self.server]));
        self.memory.state_dir.join(folder).join(file)
    }
}

/// A part that failed, was skipped, or is not complete.
pub struct Ended {
    pub collector: &'static str,
    pub part: &'static str,
    pub outcome: Outcome,
}

/// What earlier runs left that a part's code may look at.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    pub state_dir: PathBuf,
    /// Of the batch under way.
    pub sequence: u64,
    /// Batches that never arrived.
    pub lost_sequences: Vec<u64>,
    /// Statements whose texts the backend lacks.
    pub wants: Vec<Want>,
    /// Where each server's log has been read to.
    pub log_positions: BTreeMap<String, Box<RawJson>>,
    pub now: i64,
}

/// A finished part and the database whose item it belongs to; `None`: the visit's own.
pub struct Placed {
    pub database: Option<String>,
    pub done: Done,
}

/// What a collector wants kept, once the batch it belongs to is sealed.
pub enum Keep {
    /// A state file.
    File {
        path: PathBuf,
        content: Vec<u8>,
        /// Wants that this batch answers, or that nobody can answer any more.
        answered: Vec<Want>,
    },
    /// Where the server's log has been read to: in the ledger.
    LogPosition(Box<RawJson>),
}

/// The statement of a part that every supported server has; one that is older still is asked with the oldest.
pub fn statement(variants: &'static [Variant], major: u32) -> &'static str {
    variant(variants, major).unwrap_or(&variants[0]).sql
}

/// Which variant a server of this version gets.
pub fn variant(variants: &'static [Variant], major: u32) -> Option<&'static Variant> {
    variants.iter().rev().find(|v| v.since <= major)
}
