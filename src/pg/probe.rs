//! The probe: what a server is, and what we may see on it, read once over the first connection of a run.
//!
//! Planning even this reads the database's pg_statistic: where that is locked the probe ends in 55P03, and another
//! database has to be looked from.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::Arc;

use postgres::Client;
use postgres::types::{FromSql, Type};

use super::failure::Failure;
use super::rows::optional;
use super::session::{Binds, Limits, Missing, Session, Spent};

const SQL: &str = include_str!("probe.13.sql");
/// Among statements.
pub const TAG: &str = "probe";

/// What does not change within a run.
#[derive(Clone, Debug)]
pub struct Facts {
    pub version_num: i32,
    pub in_recovery: bool,
    pub system_identifier: String,
    /// Microseconds since 1970.
    pub postmaster_start_us: i64,
    pub now_us: i64,
    /// The server's clock less ours, each at the same moment.
    pub clock_skew_us: i64,
    /// Sees other roles' statements and all settings.
    pub monitor: bool,
    /// Has pg_monitor, but has to ask for it.
    pub as_monitor: bool,
    pub superuser: bool,
    /// Who we are here.
    pub role: String,
    pub may: May,
    /// Label and path of what the server keeps on disk, where the role may know.
    pub places: Vec<(String, String)>,
    pub databases: Vec<Database>,
    /// Of the database that the probe looked from.
    pub database: String,
    pub extensions: Vec<Extension>,
    /// What the probe itself could not ask for.
    pub missing: Missing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    pub name: String,
    /// The name is valid UTF-8: the only kind that we can connect to.
    pub nameable: bool,
    pub oid: u32,
    pub allows_connections: bool,
    pub template: bool,
    /// The role has CONNECT.
    pub open: bool,
    /// Its connection limit is 0: for all but superusers it is closed.
    pub full: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    pub name: String,
    pub version: String,
    /// Quoted where SQL wants it so.
    pub schema: String,
}

/// What a probe is to look up for the collectors: see [`May`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub roles: Vec<String>,
    pub objects: Vec<String>,
}

/// What the role may do, of what was wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct May {
    /// The roles whose rights it has in force.
    pub roles: BTreeSet<String>,
    /// Functions and relations that the server has, and whether the role may use each.
    pub objects: BTreeMap<String, bool>,
}

impl Facts {
    pub fn major(&self) -> u32 {
        u32::try_from(self.version_num / 10_000).unwrap_or(0)
    }

    pub fn extension(&self, name: &str) -> Option<&Extension> {
        self.extensions.iter().find(|e| e.name == name)
    }
}

pub fn probe(
    client: &mut Client,
    limits: Limits,
    spent: Arc<Spent>,
    wanted: &Wanted,
    missing: Missing,
) -> Result<Facts, Failure> {
    let mut session = Session::begin(client, limits, spent, missing)?;
    let mut facts = None;
    let asked_us = now_us();
    let binds: &Binds = &[(&wanted.roles, Type::TEXT_ARRAY), (&wanted.objects, Type::TEXT_ARRAY)];
    session.query(TAG, SQL, binds, |row| {
        facts = Some(facts_of(row)?);
        Ok(())
    })?;
    // The server read its clock somewhere between asking and answering.
    let middle_us = asked_us.midpoint(now_us());
    let missing = session.commit()?;
    let facts: Facts = facts.ok_or_else(|| Failure::Value("the probe brought no row".to_owned()))?;
    let now_us = if facts.now_us == 0 { middle_us } else { facts.now_us };
    Ok(Facts { now_us, clock_skew_us: now_us - middle_us, missing, ..facts })
}

fn now_us() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

fn facts_of(row: &postgres::Row) -> Result<Facts, postgres::Error> {
    Ok(Facts {
        version_num: row.try_get("version_num")?,
        in_recovery: optional(row, "in_recovery")?.unwrap_or_default(),
        system_identifier: optional::<i64>(row, "system_identifier")?
            .map(|n| n.cast_unsigned().to_string())
            .unwrap_or_default(),
        postmaster_start_us: optional(row, "postmaster_start_us")?.unwrap_or_default(),
        now_us: optional(row, "now_us")?.unwrap_or_default(),
        clock_skew_us: 0,
        monitor: optional(row, "monitor")?.unwrap_or_default(),
        as_monitor: optional(row, "as_monitor")?.unwrap_or_default(),
        superuser: row.try_get("superuser")?,
        role: row.try_get::<_, Name>("role")?.text,
        may: may(row)?,
        places: places(row)?,
        databases: databases(row)?,
        database: row.try_get("database")?,
        extensions: extensions(row)?,
        missing: Missing::default(),
    })
}

fn databases(row: &postgres::Row) -> Result<Vec<Database>, postgres::Error> {
    let names: Vec<Name> = row.try_get("databases")?;
    let oids: Vec<u32> = row.try_get("database_oids")?;
    let allow: Vec<bool> = row.try_get("database_allows")?;
    let template: Vec<bool> = row.try_get("database_templates")?;
    let open: Vec<bool> = row.try_get("database_open")?;
    let full: Vec<bool> = row.try_get("database_full")?;
    let flag = |flags: &[bool], n: usize| flags.get(n).copied().unwrap_or_default();
    let database = |(n, (name, oid)): (usize, (Name, u32))| Database {
        nameable: name.exact,
        name: name.text,
        oid,
        allows_connections: flag(&allow, n),
        template: flag(&template, n),
        open: flag(&open, n),
        full: flag(&full, n),
    };
    Ok(names.into_iter().zip(oids).enumerate().map(database).collect())
}

fn may(row: &postgres::Row) -> Result<May, postgres::Error> {
    let roles: Vec<String> = optional(row, "roles")?.unwrap_or_default();
    let objects: Vec<String> = optional(row, "objects")?.unwrap_or_default();
    let usable: Vec<bool> = optional(row, "usable")?.unwrap_or_default();
    Ok(May { roles: roles.into_iter().collect(), objects: objects.into_iter().zip(usable).collect() })
}

/// None at all where even plpgsql was dropped.
fn extensions(row: &postgres::Row) -> Result<Vec<Extension>, postgres::Error> {
    let names: Vec<Name> = optional(row, "extensions")?.unwrap_or_default();
    let versions: Vec<Name> = optional(row, "extension_versions")?.unwrap_or_default();
    let schemas: Vec<Name> = optional(row, "extension_schemas")?.unwrap_or_default();
    let extension = |(name, (version, schema)): (Name, (Name, Name))| Extension {
        name: name.text,
        version: version.text,
        schema: schema.text,
    };
    Ok(names.into_iter().zip(versions.into_iter().zip(schemas)).map(extension).collect())
}

fn places(row: &postgres::Row) -> Result<Vec<(String, String)>, postgres::Error> {
    let mut places = Vec::new();
    if let Some(root) = optional::<Name>(row, "data_directory")?.filter(|root| root.exact) {
        places.push(("wal".to_owned(), format!("{}/pg_wal", root.text)));
        places.insert(0, ("data_directory".to_owned(), root.text));
    }
    let names: Vec<Name> = optional(row, "tablespaces")?.unwrap_or_default();
    let paths: Vec<Name> = optional(row, "tablespace_paths")?.unwrap_or_default();
    let outside = names.into_iter().zip(paths).filter(|(_, path)| path.exact && !path.text.is_empty());
    places.extend(outside.map(|(name, path)| (format!("tablespace:{}", name.text), path.text)));
    Ok(places)
}

/// A name as the server has it: any bytes, where a database is SQL_ASCII or another database made it.
struct Name {
    text: String,
    /// The text is the name, byte for byte.
    exact: bool,
}

impl FromSql<'_> for Name {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Name, Box<dyn Error + Sync + Send>> {
        let text = String::from_utf8_lossy(raw);
        Ok(Name { exact: matches!(text, Cow::Borrowed(_)), text: text.into_owned() })
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::TEXT | Type::NAME)
    }
}
