//! Names within texts: each is hashed by itself, as the server reads it, so that it is the same hash as the name has where
//! it stands alone.

use super::key::Key;
use super::words;
use crate::collect::mask::SQUASHED;
use crate::collect::mask::lex::{Kind, Lexer};

const NAME: &str = "id_";
const ADDRESS: &str = "ip_";

impl Key {
    pub fn name(&self, name: &str) -> String {
        self.hash(NAME, name)
    }

    pub fn address(&self, address: &str) -> String {
        self.hash(ADDRESS, address)
    }

    /// SQL with its names hashed; keywords and PostgreSQL's own types stay. Literals are masked, whether they were before
    /// or not.
    pub fn sql(&self, text: &str) -> String {
        self.rewritten(text, words::is_of_sql, true)
    }

    /// `schema.name`
    pub fn qualified(&self, text: &str) -> String {
        self.rewritten(text, |_| false, true)
    }

    /// `numeric(10,2)`, or `amount numeric, schema.type`.
    pub fn types(&self, text: &str) -> String {
        self.rewritten(text, words::is_of_sql, false)
    }

    /// Each of some names by itself; words that mean all of them stay.
    pub fn names(&self, list: &str) -> String {
        let each = list.split(',').map(|name| match words::EVERYBODY.contains(&name) {
            true => name.to_owned(),
            false => self.name(name),
        });
        each.collect::<Vec<_>>().join(",")
    }

    /// `tablespace:name`; a word without a colon stays.
    pub fn labelled(&self, text: &str) -> String {
        match text.split_once(':') {
            Some((word, name)) => format!("{word}:{}", self.name(name)),
            None => text.to_owned(),
        }
    }

    fn rewritten(&self, text: &str, stays: fn(&str) -> bool, masked: bool) -> String {
        let mut out = String::with_capacity(text.len() * 2);
        for (kind, piece) in Lexer::new(text) {
            match kind {
                Kind::Word => {
                    let folded = piece.to_ascii_lowercase();
                    match stays(&folded) {
                        true => out.push_str(piece),
                        false => out.push_str(&self.name(&folded)),
                    }
                }
                Kind::Quoted => out.push_str(&self.name(&unquoted(piece))),
                Kind::Number if !masked => out.push_str(piece),
                Kind::Number => out.push('0'),
                Kind::String => out.push_str("'***'"),
                Kind::CutIdentifier => out.push_str("\"***\""),
                Kind::Comment if piece != SQUASHED => out.push(' '),
                Kind::Comment | Kind::Other => out.push_str(piece),
            }
        }
        out
    }
}

/// As the catalog has it. `U&` escapes are left as they are: the hash is then another, and hides it as well.
fn unquoted(piece: &str) -> String {
    let inside = piece.split_once('"').map_or(piece, |(_, rest)| rest);
    inside.strip_suffix('"').unwrap_or(inside).replace("\"\"", "\"")
}

/// Nothing in it is a name.
pub(super) fn is_of_sql(text: &str) -> bool {
    Lexer::new(text).all(|(kind, piece)| match kind {
        Kind::Word => words::is_of_sql(&piece.to_ascii_lowercase()),
        Kind::Number | Kind::Other => true,
        Kind::Quoted | Kind::CutIdentifier | Kind::String | Kind::Comment => false,
    })
}
