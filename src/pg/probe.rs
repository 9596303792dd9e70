//! The probe: what a server is, and what we may see on it, read once over the first connection of a run.
//!
//! The statement has no WHERE and no join on purpose: the planner then needs no statistics, so that a locked
//! pg_statistic does not make the whole server look away.

use postgres::Client;

use super::failure::Failure;
use super::session::{Limits, Session, Spent};
use std::collections::BTreeMap;
use std::sync::Arc;

const SQL: &str = include_str!("probe.13.sql");

/// What does not change within a run.
#[derive(Clone, Debug)]
pub struct Facts {
    pub version_num: i32,
    pub in_recovery: bool,
    pub system_identifier: String,
    /// Microseconds since 1970.
    pub postmaster_start_us: i64,
    pub now_us: i64,
    /// Sees other roles' statements and all settings.
    pub monitor: bool,
    /// Has pg_monitor, but has to ask for it.
    pub as_monitor: bool,
    /// Label and path of what the server keeps on disk, where the role may know.
    pub places: Vec<(String, String)>,
    pub databases: Vec<Database>,
    /// Of the database that the probe looked from.
    pub database: String,
    pub extensions: Vec<Extension>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    pub name: String,
    pub oid: u32,
    pub allows_connections: bool,
    pub template: bool,
    /// The role has CONNECT.
    pub open: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    pub name: String,
    pub version: String,
    pub schema: String,
}

impl Facts {
    pub fn major(&self) -> u32 {
        u32::try_from(self.version_num / 10_000).unwrap_or(0)
    }

    pub fn extension(&self, name: &str) -> Option<&Extension> {
        self.extensions.iter().find(|e| e.name == name)
    }
}

pub fn probe(client: &mut Client, limits: Limits, spent: Arc<Spent>) -> Result<Facts, Failure> {
    let mut session = Session::begin(client, limits, spent, BTreeMap::new())?;
    let mut facts = None;
    session.query("probe", SQL, &[], |row| {
        facts = Some(facts_of(row)?);
        Ok(())
    })?;
    session.commit()?;
    facts.ok_or_else(|| Failure::Value("the probe brought no row".to_owned()))
}

fn facts_of(row: &postgres::Row) -> Result<Facts, postgres::Error> {
    let names: Vec<String> = row.try_get("databases")?;
    let oids: Vec<u32> = row.try_get("database_oids")?;
    let allow: Vec<bool> = row.try_get("database_allows")?;
    let template: Vec<bool> = row.try_get("database_templates")?;
    let open: Vec<bool> = row.try_get("database_open")?;
    let databases = names
        .into_iter()
        .zip(oids)
        .zip(allow.into_iter().zip(template).zip(open))
        .map(|((name, oid), ((allows_connections, template), open))| Database {
            name,
            oid,
            allows_connections,
            template,
            open,
        })
        .collect();
    let extensions: Vec<String> = row.try_get("extensions")?;
    let versions: Vec<String> = row.try_get("extension_versions")?;
    let schemas: Vec<String> = row.try_get("extension_schemas")?;
    let extensions = extensions
        .into_iter()
        .zip(versions.into_iter().zip(schemas))
        .map(|(name, (version, schema))| Extension { name, version, schema })
        .collect();
    Ok(Facts {
        version_num: row.try_get("version_num")?,
        in_recovery: row.try_get("in_recovery")?,
        system_identifier: row
            .try_get::<_, i64>("system_identifier")
            .map(|n| n.cast_unsigned().to_string())?,
        postmaster_start_us: row.try_get("postmaster_start_us")?,
        now_us: row.try_get("now_us")?,
        monitor: row.try_get("monitor")?,
        as_monitor: row.try_get("as_monitor")?,
        places: places(row)?,
        databases,
        database: row.try_get("database")?,
        extensions,
    })
}

fn places(row: &postgres::Row) -> Result<Vec<(String, String)>, postgres::Error> {
    let mut places = Vec::new();
    if let Some(root) = row.try_get::<_, Option<String>>("data_directory")? {
        places.push(("wal".to_owned(), format!("{root}/pg_wal")));
        places.insert(0, ("data_directory".to_owned(), root));
    }
    let names: Vec<String> = row.try_get("tablespaces")?;
    let paths: Vec<String> = row.try_get("tablespace_paths")?;
    let outside = names.into_iter().zip(paths).filter(|(_, path)| !path.is_empty());
    places.extend(outside.map(|(name, path)| (format!("tablespace:{name}"), path)));
    Ok(places)
}
