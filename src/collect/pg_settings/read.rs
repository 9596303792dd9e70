//! The two readings, as the item tells them: masked from here on.

use postgres::Row;
use serde::Serialize;

use super::secrets::masked;
use crate::pg::failure::Failure;
use crate::pg::rows::Lossy;
use crate::pg::session::Session;

#[derive(Debug, Default, Serialize)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) boot_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reset_value: Option<String>,
    /// Hidden where our own transaction overrides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source_line: Option<i32>,
    pub(super) context: String,
    pub(super) pending_restart: bool,
    pub(super) masked: bool,
}

impl Setting {
    /// It is told for what it will be after a restart.
    pub(super) fn is_default(&self) -> bool {
        self.pending_restart && self.boot_value.as_ref() == Some(&self.value)
    }
}

/// A setting of a database, of a role, of a role in a database; without either, of all roles.
#[derive(Debug, Serialize)]
pub(super) struct RoleSetting {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) database: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) role: String,
    pub(super) name: String,
    pub(super) value: String,
    masked: bool,
}

/// Rows, and how many there are in all.
pub(super) struct Reading<T> {
    pub(super) rows: Vec<T>,
    pub(super) total: u64,
}

pub(super) fn settings(session: &mut Session) -> Result<Reading<Setting>, Failure> {
    read(session, "pg_settings.settings", include_str!("settings.13.sql"), setting)
}

pub(super) fn role_settings(session: &mut Session) -> Result<Reading<RoleSetting>, Failure> {
    read(session, "pg_settings.role_settings", include_str!("role_settings.13.sql"), role_setting)
}

fn read<T>(
    session: &mut Session,
    tag: &str,
    sql: &str,
    of: fn(&Row) -> Result<T, postgres::Error>,
) -> Result<Reading<T>, Failure> {
    let mut reading = Reading { rows: Vec::new(), total: 0 };
    session.query(tag, sql, &[], |row| {
        reading.total = row.try_get::<_, i64>("_total")?.cast_unsigned();
        reading.rows.push(of(row)?);
        Ok(())
    })?;
    Ok(reading)
}

fn setting(row: &Row) -> Result<Setting, postgres::Error> {
    let text = |column: &str| Ok::<_, postgres::Error>(row.try_get::<_, Option<Lossy>>(column)?.map(|l| l.0));
    let name = text("name")?.unwrap_or_default();
    let value = text("value")?.unwrap_or_default();
    let hidden = masked(&name, &value);
    // Of a value that is masked, what it was or will be is no less secret.
    let beside = |other: Option<String>| other.map(|v| masked(&name, &v).unwrap_or(v));
    Ok(Setting {
        boot_value: beside(text("boot_value")?),
        reset_value: beside(text("reset_value")?),
        unit: text("unit")?,
        source: text("source")?,
        source_file: text("source_file")?,
        source_line: row.try_get("source_line")?,
        context: text("context")?.unwrap_or_default(),
        pending_restart: row.try_get("pending_restart")?,
        masked: hidden.is_some(),
        value: hidden.unwrap_or(value),
        name,
    })
}

fn role_setting(row: &Row) -> Result<RoleSetting, postgres::Error> {
    let text = |column: &str| Ok::<_, postgres::Error>(row.try_get::<_, Lossy>(column)?.0);
    let (name, value) = (text("name")?, text("value")?);
    let hidden = masked(&name, &value);
    Ok(RoleSetting {
        database: text("database")?,
        role: text("role")?,
        masked: hidden.is_some(),
        value: hidden.unwrap_or(value),
        name,
    })
}
