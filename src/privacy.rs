//! What leaves this host, by how sensitive it is, and what `[privacy]` makes of it.
//!
//! Each collector says with its const what its texts are ([`Class`]); figures, switches and times are values by their
//! looks. Where anything is to be hidden, every item passes [`screen`] on its way into the batch, and a text that nobody
//! classed stays here. Where everything is kept, nothing of this runs.

pub mod key;
mod leaves;
pub mod manifest;
mod names;
pub mod reader;
pub mod screen;
mod settings;
#[cfg(test)]
mod tests;
mod words;

use crate::collect::registry;

/// What kind of text a field holds. Whoever adds one adds to [`of`] what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A word of PostgreSQL's, the kernel's or ours: a state, a kind, a version, an LSN.
    Word,
    /// SQL: of a statement, without its literals, or a definition in the schema.
    Statement,
    /// What somebody called a thing: database, schema, relation, column, role, application, slot, path.
    Name,
    /// Such names, a comma between them.
    Names,
    /// A name with its schema, quoted as SQL wants it.
    Qualified,
    /// Types, and names of arguments before them.
    Type,
    /// A name behind a word of ours and a colon.
    Labelled,
    /// What tells things apart that would be one without it: hashed where names are dropped.
    Mark,
    /// Where somebody connects from, or to.
    Address,
    /// A setting's name: its own where an extension or PostgreSQL gave it.
    SettingName,
    /// The value of the setting that `name` beside it names.
    Setting,
    /// A sentence, mostly the server's, that may name anything.
    Message,
}

/// What an operator decides about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sensitivity {
    Statement,
    Identifier,
    Address,
    Value,
}

impl Sensitivity {
    pub const ALL: [Sensitivity; 4] =
        [Sensitivity::Statement, Sensitivity::Identifier, Sensitivity::Address, Sensitivity::Value];

    pub fn name(self) -> &'static str {
        match self {
            Sensitivity::Statement => "statement texts",
            Sensitivity::Identifier => "identifiers",
            Sensitivity::Address => "client addresses",
            Sensitivity::Value => "values",
        }
    }
}

/// Where texts of one class are: places in an item (`tables[] indexes[]`; nothing is the item itself), and their names
/// there. Names of parts are a star.
pub type Text = (&'static str, Class, &'static str);

/// Of every item.
const ITEM: &[Text] = &[
    ("", Class::Word, "type server outcome"),
    ("", Class::Mark, "database"),
    ("parts.*", Class::Word, "outcome reason sqlstate missing_columns[]"),
    ("parts.*", Class::Message, "detail"),
    ("parts.*", Class::Qualified, "locked[]"),
];

/// What the text at `path` of an item of this type is; `None`: nobody has said.
pub fn class(kind: &str, path: &str) -> Option<Class> {
    let collector = registry::find(kind)?;
    let (place, name) = path.rsplit_once('.').unwrap_or(("", path));
    let has = |list: &str, word: &str| list.split(' ').any(|each| each == word);
    let mut declared = ITEM.iter().chain(collector.texts);
    match declared.find(|(places, _, names)| has(places, place) && has(names, name)) {
        Some((_, class, _)) => Some(*class),
        // What the operator's own SQL returns is for the operator to choose.
        None if collector.is_operators() => Some(Class::Word),
        None => None,
    }
}

/// How sensitive `text` is, which has no escapes; `beside` is the name in the same object.
pub fn of(class: Class, text: &str, beside: &str) -> Sensitivity {
    match class {
        _ if text.is_empty() => Sensitivity::Value,
        Class::Word => Sensitivity::Value,
        Class::Statement => Sensitivity::Statement,
        Class::Address if words::ADDRESSES.contains(&text) => Sensitivity::Value,
        Class::Address => Sensitivity::Address,
        Class::SettingName if settings::is_known(text) => Sensitivity::Value,
        Class::Type if names::is_of_sql(text) => Sensitivity::Value,
        Class::Labelled if !text.contains(':') => Sensitivity::Value,
        Class::Setting => settings::sensitivity(beside, text),
        Class::Name
        | Class::Names
        | Class::Qualified
        | Class::Type
        | Class::Labelled
        | Class::Mark
        | Class::SettingName
        | Class::Message => Sensitivity::Identifier,
    }
}
