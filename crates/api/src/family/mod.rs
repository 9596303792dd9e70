//! The hot families: arrays of items whose rows have tables with typed columns. One [`list`], read in both directions:
//! [`split`] takes a row apart, [`join`] puts it together again.
//!
//! A column holds a value only if the same value comes out of it again; anything else stays in `rest`. So nothing is
//! lost, whatever a newer, older or foreign collector sends.

pub mod join;
mod list;
pub(crate) mod moment;
pub mod split;
#[cfg(test)]
mod tests;

pub use list::FAMILIES;

/// How a value travels, and as what it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `bigint`
    Int,
    /// `float8`
    Float,
    /// `boolean`
    Bool,
    /// `text`
    Text,
    /// RFC 3339 in UTC, to the microsecond: `timestamptz`
    Time,
    /// A 64-bit number that travels as text: `bigint`
    Hash,
    /// Travels as `text` and is stored in query_texts; here stands that this row brought it: `boolean`
    Texted,
}

impl Kind {
    /// Whether a value of this JSON type can be of this kind at all.
    pub fn takes(self, json: u8) -> bool {
        match self {
            Kind::Int | Kind::Float => json == b'-' || json.is_ascii_digit(),
            Kind::Bool => json == b't' || json == b'f',
            Kind::Text | Kind::Time | Kind::Hash | Kind::Texted => json == b'"',
        }
    }

    pub fn json(self) -> &'static str {
        match self {
            Kind::Int | Kind::Float => "a number",
            Kind::Bool => "true or false",
            Kind::Text | Kind::Time | Kind::Hash | Kind::Texted => "a string",
        }
    }
}

/// `name` is that of the column, and of the field but for [`Kind::Texted`].
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
}

impl Column {
    pub fn field(&self) -> &'static str {
        if self.kind == Kind::Texted { "text" } else { self.name }
    }
}

#[derive(Debug)]
pub struct Family {
    pub table: &'static str,
    /// Which items have it.
    pub kind: &'static str,
    /// Their field: an array of objects.
    pub rows: &'static str,
    /// Whether the rows are those of the item's own database; others name theirs themselves.
    pub of_database: bool,
    pub columns: &'static [Column],
}

impl Family {
    /// In the order in which rows are written and read.
    pub fn column_list(&self) -> String {
        let mut list = "item, collector_id, \"timestamp\", position, server".to_owned();
        if self.of_database {
            list += ", database";
        }
        for column in self.columns {
            list += &format!(", \"{}\"", column.name);
        }
        list + ", rest"
    }

    pub fn width(&self) -> usize {
        self.columns.len() + 6 + usize::from(self.of_database)
    }
}

/// The family of this field of such an item.
pub fn of(kind: &str, field: &str) -> Option<usize> {
    FAMILIES.iter().position(|family| family.kind == kind && family.rows == field)
}
