//! Fuzz target: the text of a statement, as somebody typed it.

use super::lex::{Kind, Lexer};
use super::{NUMBER, STRING, mask as masked};

/// The first byte bounds what is left. No byte is lost on the way, nothing is longer than asked for, and in what is left no
/// literal stands that is not a mask.
pub(crate) fn mask(data: &[u8]) {
    let Some((most, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    assert_eq!(Lexer::new(text).map(|(_, piece)| piece.len()).sum::<usize>(), text.len());
    let whole = masked(text, usize::MAX);
    assert!(!whole.truncated);
    for (kind, piece) in Lexer::new(&whole.text) {
        match kind {
            Kind::String => assert_eq!(piece, STRING, "of {text:?}"),
            Kind::Number => assert_eq!(piece, NUMBER, "of {text:?}"),
            _ => {}
        }
    }
    let cut = masked(text, usize::from(*most));
    assert!(cut.text.len() <= usize::from(*most) && whole.text.starts_with(&cut.text));
}
