//! Cuts SQL into what may hold a literal and what does not, by the rules of PostgreSQL's own scanner. Pieces are slices
//! of the text, one after the other, none lost.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Quoted in any way: `'...'`, `E'...'`, `B'...'`, `X'...'`, `N'...'`, `U&'...'`, `$tag$...$tag$`.
    String,
    Number,
    Comment,
    /// A keyword, or a name without quotes.
    Word,
    /// A name in quotes, `U&` before them or not.
    Quoted,
    /// A name in quotes that the text ends in.
    CutIdentifier,
    Other,
}

pub struct Lexer<'a> {
    rest: &'a str,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Lexer<'a> {
        Lexer { rest: text }
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = (Kind, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, length) = piece(self.rest.as_bytes())?;
        let (piece, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some((kind, piece))
    }
}

/// The first piece and its length. Every rule ends on an ASCII character or at the end, so that no character is torn.
fn piece(text: &[u8]) -> Option<(Kind, usize)> {
    let found = match text {
        [] => return None,
        [b'\'', ..] => (Kind::String, string(text, 1, false)),
        [b'"', ..] => quoted_identifier(text, 1),
        [b'-', b'-', ..] => (Kind::Comment, run(text, |byte| !matches!(byte, b'\n' | b'\r'))),
        [b'/', b'*', ..] => (Kind::Comment, block_comment(text)),
        [b'$', b'0'..=b'9', ..] => (Kind::Other, 1 + run(&text[1..], |byte| byte.is_ascii_digit())),
        [b'$', ..] => dollar(text),
        [b'0'..=b'9', ..] => (Kind::Number, number(text)),
        [first, ..] if begins_word(*first) => word(text),
        _ => (Kind::Other, 1),
    };
    Some(found)
}

fn run(text: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    text.iter().position(|&byte| !belongs(byte)).unwrap_or(text.len())
}

fn begins_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn in_word(byte: u8) -> bool {
    begins_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

/// A word, unless a quote right after it makes it the prefix of a literal.
fn word(text: &[u8]) -> (Kind, usize) {
    let length = run(text, in_word);
    match (&text[..length], &text[length..]) {
        ([b'e' | b'E'], [b'\'', ..]) => (Kind::String, string(text, length + 1, true)),
        ([b'b' | b'B' | b'x' | b'X' | b'n' | b'N'], [b'\'', ..]) => {
            (Kind::String, string(text, length + 1, false))
        }
        ([b'u' | b'U'], [b'&', b'\'', ..]) => (Kind::String, string(text, length + 2, false)),
        ([b'u' | b'U'], [b'&', b'"', ..]) => quoted_identifier(text, length + 2),
        _ => (Kind::Word, length),
    }
}

/// The end of a string whose content starts at `from`. A backslash before a quote means one thing with
/// standard_conforming_strings and another without, and the text does not say which was on: all that follows is then
/// taken as part of the literal.
fn string(text: &[u8], from: usize, escapes: bool) -> usize {
    let mut at = from;
    while at < text.len() {
        match (text[at], text.get(at + 1)) {
            (b'\\', Some(b'\'')) if !escapes => return text.len(),
            (b'\\', Some(_)) => at += 2,
            (b'\'', Some(b'\'')) => at += 2,
            (b'\'', _) => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

fn quoted_identifier(text: &[u8], from: usize) -> (Kind, usize) {
    let mut at = from;
    while at < text.len() {
        match (text[at], text.get(at + 1)) {
            (b'"', Some(b'"')) => at += 2,
            (b'"', _) => return (Kind::Quoted, at + 1),
            _ => at += 1,
        }
    }
    (Kind::CutIdentifier, text.len())
}

/// Block comments nest.
fn block_comment(text: &[u8]) -> usize {
    let (mut at, mut depth) = (2, 1);
    while at < text.len() {
        match &text[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// `$tag$...$tag$`, or a dollar sign that opens nothing.
fn dollar(text: &[u8]) -> (Kind, usize) {
    let tag = 1 + run(&text[1..], |byte| in_word(byte) && byte != b'$');
    if text.get(tag) != Some(&b'$') {
        return (Kind::Other, 1);
    }
    let delimiter = &text[..=tag];
    let body = &text[delimiter.len()..];
    let end = find(body, delimiter).map(|at| at + 2 * delimiter.len());
    (Kind::String, end.unwrap_or(text.len()))
}

/// Jumps from dollar to dollar: a tag holds none inside, so this stays linear.
fn find(text: &[u8], delimiter: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(ahead) = text[at..].iter().position(|&byte| byte == b'$') {
        at += ahead;
        if text[at..].starts_with(delimiter) {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// Generous on purpose: what is glued to a number belongs to it, be it hexadecimal, an exponent or a slip of the pen.
fn number(text: &[u8]) -> usize {
    let mut at = 0;
    while at < text.len() {
        let exponent = at > 0 && matches!(text[at - 1], b'e' | b'E') && matches!(text[at], b'+' | b'-');
        let signed = exponent && text.get(at + 1).is_some_and(u8::is_ascii_digit);
        let range = text[at] == b'.' && text.get(at + 1) == Some(&b'.');
        if !(text[at].is_ascii_alphanumeric() || text[at] == b'_' || (text[at] == b'.' && !range) || signed) {
            break;
        }
        at += 1;
    }
    at
}
