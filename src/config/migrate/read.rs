//! Lines of an older file, by section. What is no TOML is read as the earlier parsers did: a value may lack its quotes,
//! a comment may begin with `;`, a section may come twice.

use std::ops::Range;

use toml::de::DeTable;

use crate::config::problem::shown;

/// Line numbers, and what is to be said of them.
pub(super) type Told = Vec<(usize, String)>;

/// A section with what stands in it, or what stands before all of them: its name is empty.
pub(super) struct Block {
    pub(super) name: String,
    /// `[[name]]`
    pub(super) many: bool,
    pub(super) number: usize,
    pub(super) header: String,
    pub(super) lines: Vec<Line>,
}

/// As it stands; a value may span several.
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) entry: Option<Entry>,
}

pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: Written,
    /// The comment behind the value, with its mark.
    pub(super) comment: String,
}

pub(super) enum Written {
    Toml(String),
    /// No TOML: what stands there, without quotes.
    Bare(String),
}

const LINE: &str = "neither a section, nor key = value, nor a comment: mend this line, or put # before it";

pub(super) fn blocks(text: &str, notes: &mut Told) -> Result<Vec<Block>, Told> {
    let all: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
    let mut blocks =
        vec![Block { name: String::new(), many: false, number: 0, header: String::new(), lines: Vec::new() }];
    let (mut current, mut at, mut wrong) = (0, 0, Told::new());
    while let Some(line) = all.get(at) {
        let number = at + 1;
        at += 1;
        let plain = line.trim();
        if plain.is_empty() || plain.starts_with('#') {
            blocks[current].lines.push(Line { number, text: (*line).to_owned(), entry: None });
        } else if plain.starts_with(';') || plain.starts_with("//") {
            notes.push((number, "a comment begins with #".to_owned()));
            let text = format!("# {}", plain.trim_start_matches([';', '/']).trim_start());
            blocks[current].lines.push(Line { number, text, entry: None });
        } else if plain.starts_with('[') {
            match header(plain) {
                Some((name, many)) => current = open(&mut blocks, name, many, number, line, notes),
                None => wrong.push((number, "a section is [name], alone in its line".to_owned())),
            }
        } else if let Some((entry, more)) = entry(plain, &all[at..]) {
            let text = all[at - 1..at + more].join("\n");
            at += more;
            blocks[current].lines.push(Line { number, text, entry: Some(entry) });
        } else {
            wrong.push((number, LINE.to_owned()));
        }
    }
    if wrong.is_empty() { Ok(blocks) } else { Err(wrong) }
}

/// The block to go on with. A section that was there before goes on where it was.
fn open(
    blocks: &mut Vec<Block>,
    name: String,
    many: bool,
    number: usize,
    line: &str,
    notes: &mut Told,
) -> usize {
    if let Some(there) = blocks.iter().position(|b| !many && !b.many && b.name == name && !name.is_empty()) {
        let name = shown(&name);
        let why = format!("[{name}] stood here a second time: a section may stand only once");
        let text =
            format!("{} [{name}] of line {number} goes on here: a section may stand only once", super::MARK);
        notes.push((number, why));
        blocks[there].lines.push(Line { number, text, entry: None });
        return there;
    }
    blocks.push(Block { name, many, number, header: line.to_owned(), lines: Vec::new() });
    blocks.len() - 1
}

/// Its name, and whether it may come again.
fn header(plain: &str) -> Option<(String, bool)> {
    let many = plain.starts_with("[[");
    let (open, close) = if many { ("[[", "]]") } else { ("[", "]") };
    let (name, rest) = plain.strip_prefix(open)?.split_once(close)?;
    let rest = rest.trim_start();
    let fits = rest.is_empty() || rest.starts_with('#');
    fits.then(|| (unquoted(name.trim()).to_owned(), many))
}

/// With the number of further lines that its value takes.
fn entry(plain: &str, following: &[&str]) -> Option<(Entry, usize)> {
    let named = |(key, rest): (&'_ str, &'_ str)| {
        let key = unquoted(key.trim());
        let fits = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        fits.then(|| (key.to_owned(), rest.to_owned()))
    };
    let entry = |key, value, comment: &str| Entry { key, value, comment: comment.trim().to_owned() };
    let Some((key, rest)) = plain.split_once('=').and_then(named) else {
        let (key, rest) = plain.split_once(": ").and_then(named)?;
        let (value, comment) = bare(rest.trim());
        return Some((entry(key, Written::Bare(value.to_owned()), comment), 0));
    };
    let mut text = rest.clone();
    let several = ["[", "\"\"\"", "'''"].iter().any(|open| rest.trim_start().starts_with(open));
    for more in 0..=if several { following.len() } else { 0 } {
        if more > 0 {
            text = format!("{text}\n{}", following[more - 1]);
        }
        if let Some(span) = span(&text) {
            let value = Written::Toml(text[span.clone()].to_owned());
            return Some((entry(key, value, &text[span.end..]), more));
        }
    }
    let (value, comment) = bare(rest.trim());
    Some((entry(key, Written::Bare(value.to_owned()), comment), 0))
}

/// Where the value is, if this is TOML behind a `key =`.
fn span(rest: &str) -> Option<Range<usize>> {
    let text = format!("k={rest}");
    let table = DeTable::parse(&text).ok()?;
    let mut values = table.get_ref().iter();
    let (Some((_, value)), None) = (values.next(), values.next()) else { return None };
    Some(value.span().start - 2..value.span().end - 2)
}

/// Up to the closing quote, which has no escapes before it; without quotes up to a comment.
fn bare(text: &str) -> (&str, &str) {
    let quoted = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    if let Some((inside, after)) = quoted.and_then(|quote| text[1..].rsplit_once(quote)) {
        let after = after.trim_start();
        if after.is_empty() || after.starts_with(['#', ';']) {
            return (inside, after);
        }
    }
    let comment = text
        .match_indices(['#', ';'])
        .find(|(at, _)| *at == 0 || text[..*at].ends_with(|c: char| c.is_ascii_whitespace()));
    comment.map_or((text, ""), |(at, _)| (text[..at].trim_end(), &text[at..]))
}

fn unquoted(name: &str) -> &str {
    let quotes = [('"', '"'), ('\'', '\'')];
    quotes.iter().find_map(|(a, b)| name.strip_prefix(*a)?.strip_suffix(*b)).unwrap_or(name)
}
