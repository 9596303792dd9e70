//! What the table of keys is made of, and how a name is looked up in it.
//!
//! Everything that must agree on a key (checking, the example file, the documents, what a backend may change)
//! reads the one table in `table.rs`. Nothing else knows a bound or a default.

mod older;
mod table;

pub use older::{Older, has_older_section, in_other_units, in_other_words, older, older_names};
pub use table::SECTIONS;

/// A section of the file.
pub struct Section {
    pub name: &'static str,
    pub about: &'static str,
    pub form: Form,
    pub keys: &'static [&'static [Key]],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `[name]`
    One,
    /// `[name]`: a collector's own switches and limits.
    Collector,
    /// `[[name]]`, any number of times.
    Many,
    /// Read for the sake of older files; the example does not show it.
    Older,
}

pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub value: Shown,
    pub doc: &'static str,
    /// Whether a backend may change it (configuration pull).
    pub remote: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int {
        min: i64,
        max: i64,
    },
    Text,
    /// Absolute: cron's working directory is nobody's choice.
    Path,
    Secret,
    OneOf(&'static [&'static str]),
    /// `"a, b"` as in older files, or an array.
    Names,
    /// A port, or one for each host.
    Ports,
}

/// A value as TOML text, and how the example shows it.
#[derive(Clone, Copy)]
pub enum Shown {
    /// What holds when nothing is written.
    Default(&'static str),
    /// No fixed default; the example writes this.
    Written(&'static str),
    /// No fixed default; the example shows this commented out.
    Sample(&'static str),
}

impl Key {
    const fn new(name: &'static str, kind: Kind, value: Shown, doc: &'static str) -> Key {
        Key { name, kind, value, doc, remote: false }
    }

    const fn remote(mut self) -> Key {
        self.remote = true;
        self
    }

    /// TOML text of the default.
    pub fn default(&self) -> Option<&'static str> {
        match self.value {
            Shown::Default(text) => Some(text),
            Shown::Written(_) | Shown::Sample(_) => None,
        }
    }
}

impl Kind {
    /// What is allowed, to follow "must be".
    pub fn allowed(self) -> String {
        match self {
            Kind::Bool => "true or false, without quotes".to_owned(),
            Kind::Int { min, max } => format!("a whole number from {min} to {max}, without quotes"),
            Kind::Text => "text in quotes".to_owned(),
            Kind::Path => "an absolute path in quotes".to_owned(),
            Kind::Secret => "text in quotes, \"env:NAME\" or \"file:PATH\"".to_owned(),
            Kind::OneOf(words) => format!("one of \"{}\"", words.join("\", \"")),
            Kind::Names => "\"a, b\" or [\"a\", \"b\"]".to_owned(),
            Kind::Ports => "a port from 1 to 65535, or \"5432,5433\" for a list of hosts".to_owned(),
        }
    }
}

impl Section {
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().flat_map(|group| group.iter())
    }

    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }
}

pub fn section(name: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.name == name)
}

/// Names of all collectors, in the order of the table.
pub fn collectors() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().filter(|s| s.form == Form::Collector).map(|s| s.name)
}
