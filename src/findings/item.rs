//! An item, and how a rule reads from it: what is absent, or of another type, is not known.

use jiff::Timestamp;
use serde_json::Value;

use super::Place;
use super::evidence::Source;

/// Where `[privacy]` drops names.
pub(super) const HIDDEN: &str = "(hidden)";

pub(super) struct Item {
    pub(super) source: Source,
    /// What the server is called.
    pub(super) server: String,
    pub(super) database: Option<String>,
    pub(super) value: Value,
}

#[derive(Clone, Copy)]
pub(super) struct Row<'a>(&'a Value);

impl Item {
    pub(super) fn row(&self) -> Row<'_> {
        Row(&self.value)
    }

    pub(super) fn rows<'a>(&'a self, key: &str) -> impl Iterator<Item = Row<'a>> + use<'a> {
        self.row().rows(key)
    }

    pub(super) fn place(&self) -> Place {
        Place { server: self.server.clone(), database: self.database.clone(), object: None }
    }

    /// Something of this item's database.
    pub(super) fn object(&self, object: impl Into<String>) -> Place {
        Place { object: Some(object.into()), ..self.place() }
    }

    /// Something of a database that a server's item tells of.
    pub(super) fn within(&self, database: Option<&str>, object: Option<String>) -> Place {
        Place { server: self.server.clone(), database: database.map(str::to_owned), object }
    }
}

impl<'a> Row<'a> {
    pub(super) fn number(self, key: &str) -> Option<f64> {
        self.0.get(key)?.as_f64()
    }

    pub(super) fn text(self, key: &str) -> Option<&'a str> {
        self.0.get(key)?.as_str()
    }

    pub(super) fn yes(self, key: &str) -> Option<bool> {
        self.0.get(key)?.as_bool()
    }

    pub(super) fn time(self, key: &str) -> Option<Timestamp> {
        self.text(key)?.parse().ok()
    }

    pub(super) fn inner(self, key: &str) -> Option<Row<'a>> {
        self.0.get(key).filter(|v| v.is_object()).map(Row)
    }

    pub(super) fn rows(self, key: &str) -> impl Iterator<Item = Row<'a>> + use<'a> {
        self.0.get(key).and_then(Value::as_array).into_iter().flatten().map(Row)
    }

    pub(super) fn texts(self, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// A relation as a person would write it.
    pub(super) fn relation(self) -> String {
        match (self.text("schema"), self.text("name")) {
            (Some(schema), Some(name)) => format!("{schema}.{name}"),
            _ => HIDDEN.to_owned(),
        }
    }

    /// Of an index.
    pub(super) fn table(self) -> &'a str {
        self.text("table").unwrap_or(HIDDEN)
    }

    /// A relation as SQL wants it; `None` where names are hidden.
    pub(super) fn quoted(self) -> Option<String> {
        Some(quoted(self.text("schema")?, self.text("name")?))
    }
}

pub(super) fn quoted(schema: &str, name: &str) -> String {
    format!("{}.{}", crate::quote::ident(schema), crate::quote::ident(name))
}
