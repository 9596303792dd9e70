//! Takes every literal out of a statement's text, whatever kind of statement: pg_stat_statements leaves utility
//! statements as they were typed (passwords of roles, connection strings, bodies of DO), and other sources normalise
//! nothing.
//!
//! Every string becomes `'***'`, every number `0`, comments go (they carry tags of applications): what is left is still
//! SQL. Identifiers, parameters and the server's own mark for a squashed list stay. Where it is not certain where a
//! literal ends, everything from there on counts as one. Sessions also show what the server refused to parse: values
//! that somebody forgot to quote, or quoted as names, go where the statement gives them away (see `bare.rs`). One pass;
//! it never fails.

mod bare;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub mod lex;

use bare::{Bare, Statement};
use lex::{Kind, Lexer};

use crate::config::is_space;

const STRING: &str = "'***'";
const NUMBER: &str = "0";
const NO_NAME: &str = "\"***\"";
/// The server cuts a name that is longer.
const LONGEST_NAME_BYTES: usize = 63;
/// PostgreSQL 18 and newer write it where they left out the rest of a list of constants.
pub const SQUASHED: &str = "/*, ... */";
/// It must stand inside the statement or after it: PostgreSQL 18 does not keep a comment that comes first.
const OWN: &str = "/* pganalytics:";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masked {
    pub text: String,
    /// Ships as `text_truncated`.
    pub truncated: bool,
}

/// Masks `text` and cuts what is left to `max_bytes`, between two characters.
pub fn mask(text: &str, max_bytes: usize) -> Masked {
    let mut out = String::with_capacity(text.len().min(max_bytes) + STRING.len());
    let mut statement = Statement::default();
    for (kind, piece) in Lexer::new(text) {
        match (statement.next(kind, piece), kind) {
            (Bare::Inside, _) => {}
            // Two literals side by side would read as one with a quote in it, and `u&` as the prefix of one.
            (Bare::Begins, _) | (_, Kind::String) if out.ends_with(['\'', '&']) => out.extend([" ", STRING]),
            (Bare::Begins, _) | (_, Kind::String) => out.push_str(STRING),
            (_, Kind::Number) => out.push_str(NUMBER),
            (_, Kind::CutIdentifier) => out.push_str(NO_NAME),
            (_, Kind::Word | Kind::Quoted) if !is_name(piece) => out.push_str(NO_NAME),
            (_, Kind::Comment) if piece != SQUASHED => space(&mut out),
            _ if out.is_empty() => out.push_str(piece.trim_start_matches(is_space)),
            _ => out.push_str(piece),
        }
        // Spaces at the end go: they do not yet say that something is cut.
        if out.len() > max_bytes && !out.ends_with(is_space) {
            break;
        }
    }
    let text = out.trim_end_matches(is_space);
    let kept = (0..=max_bytes.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    Masked { text: text[..kept].to_owned(), truncated: kept < text.len() }
}

/// Whether a comment in it says that the collector itself sent this statement.
pub fn is_own(text: &str) -> bool {
    Lexer::new(text).any(|(kind, piece)| kind == Kind::Comment && piece.starts_with(OWN))
}

/// Connection strings and long values are in quotes for names by mistake only.
fn is_name(piece: &str) -> bool {
    let inside = piece.trim_start_matches(['u', 'U', '&']).trim_matches('"');
    let quoted = piece.ends_with('"');
    let bytes = if quoted { inside.len() } else { piece.len() };
    bytes <= LONGEST_NAME_BYTES && !(quoted && (inside.contains('=') || inside.contains("://")))
}

/// A comment separates words as a space does.
fn space(out: &mut String) {
    if !out.is_empty() && !out.ends_with(is_space) {
        out.push(' ');
    }
}

#[cfg(test)]
mod tests;
