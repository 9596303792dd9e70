//! What of an entry's words may leave.
//!
//! A message quotes what its statement held: values in double quotes, keys and rows in parentheses, pieces of SQL. Only
//! what is a name by the word before it stays; what is quoted otherwise goes, up to the last quote there is, as a value
//! may hold quotes of its own. Numbers go where a statement is at fault, and stay where the server speaks of itself.
//! What a function's author wrote himself goes as a whole, and so does what may hold a password. Rather too much than too
//! little.

use super::entry::{self, Entry};
use super::kinds::Severity;
use crate::collect::statement_text::Texts;

/// Of a message or a field that is looked at.
pub(super) const MOST_BYTES: usize = 4000;
const MASK: &str = "***";

/// Words whose quoted neighbour is a name.
const NAMING: &[&str] = &[
    "aggregate",
    "class",
    "collation",
    "column",
    "constraint",
    "cursor",
    "database",
    "domain",
    "encoding",
    "enum",
    "extension",
    "family",
    "for_user",
    "function",
    "index",
    "language",
    "method",
    "parameter",
    "partition",
    "policy",
    "portal",
    "procedure",
    "publication",
    "relation",
    "role",
    "routine",
    "rule",
    "schema",
    "sequence",
    "server",
    "slot",
    "standby",
    "statistics",
    "subscription",
    "table",
    "tablespace",
    "trigger",
    "type",
    "user",
    "view",
    "wrapper",
];

pub(super) fn message(entry: &Entry, severity: Severity) -> String {
    let raw = entry::text(&entry.message[..entry.message.len().min(MOST_BYTES)]);
    words(&raw, severity == Severity::Failed)
}

/// Of a failure of our own statements, or of the operator's: values are quoted there too, and what an author wrote goes.
pub(crate) fn of_failure(sqlstate: &str, message: &str) -> String {
    match is_users(sqlstate.as_bytes()) {
        true => "in words of its author's, which stay in the server's log".to_owned(),
        false => words(message, sqlstate.starts_with("22") || sqlstate.starts_with("23")),
    }
}

/// An entry whose words nobody knows: all of them go.
pub(super) const UNKNOWN: &str = MASK;

/// `raise` in PL/pgSQL and the like: an author's own words, with whatever was laid into them.
pub(super) fn is_written_by_users(entry: &Entry) -> bool {
    let said = |word: &str| memchr::memmem::find(&entry.context, word.as_bytes()).is_some();
    // Of languages that have no RAISE every error may be one.
    let foreign = [
        "PL/Perl",
        "PL/Python",
        "PL/Tcl",
        "PL/Java",
        "PL/R ",
        "PL/Lua",
        "PL/PHP",
        "PL/Ruby",
        "PL/sh",
        "plv8",
    ];
    let raised = said(" at RAISE") || said(" at ASSERT") || foreign.iter().any(|language| said(language));
    let remote = entry.sqlstate.starts_with(REMOTE);
    raised && !remote || is_users(entry.sqlstate)
}

/// Of a foreign server.
const REMOTE: &[u8] = b"HV";

/// P0001 is what RAISE gives; classes that the server itself does not use begin with the other letters.
fn is_users(sqlstate: &[u8]) -> bool {
    let own = matches!(sqlstate, b"P0001" | [b'G'..=b'O' | b'Q'..=b'W' | b'Y'..=b'Z', ..]);
    own && !sqlstate.starts_with(REMOTE)
}

/// The second part of an entry: keys, rows, parameters, statements of others.
pub(super) fn detail(text: &str, severity: Severity, texts: Texts) -> Option<String> {
    let lower = text.get(..10).unwrap_or(text).to_ascii_lowercase();
    if text.is_empty() || lower.starts_with("parameters") || lower.starts_with("prepare: ") {
        return None;
    }
    if text.starts_with("The failed archive command was") {
        return None;
    }
    if let Some(statement) = text.strip_prefix("Failed process was running: ") {
        return Some(format!("Failed process was running: {}", texts.told(statement)?));
    }
    if text.starts_with("Process ") {
        // Of a deadlock: its statements are told by themselves.
        let waits: Vec<&str> = text.lines().take_while(|l| l.contains(" waits for ")).collect();
        return (!waits.is_empty()).then(|| waits.join("\n"));
    }
    Some(words(text, severity == Severity::Failed))
}

pub(super) fn hint(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| words(text, false))
}

/// Where it happened: places stay, what was processed there goes.
pub(super) fn context(text: &str, texts: Texts) -> Option<String> {
    if !texts.may_be_told() {
        return None;
    }
    let kept: Vec<String> = text.lines().filter_map(place).collect();
    (!kept.is_empty()).then(|| kept.join("\n"))
}

fn place(line: &str) -> Option<String> {
    if line.starts_with("PL/") || line.starts_with("SQL function ") || line.starts_with("while ") {
        return Some(words(line, false));
    }
    if line.starts_with("SQL statement ") {
        return Some("SQL statement".to_owned());
    }
    let rest = line.strip_prefix("COPY ")?;
    // `t, line 3, column a: "..."`
    let (relation, place) = rest.split_once(", line ")?;
    let digits: String = place.chars().take_while(char::is_ascii_digit).collect();
    let column = place.strip_prefix(&digits)?.strip_prefix(", column ").and_then(|c| c.split(':').next());
    let column = column.map(|name| format!(", column {name}")).unwrap_or_default();
    is_name(relation).then(|| format!("COPY {relation}, line {digits}{column}"))
}

/// The words of a message without the values in it.
fn words(text: &str, no_numbers: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let text = until_secret(text);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '"' => double_quoted(rest, &mut out),
            '\'' if !out.ends_with(char::is_alphanumeric) => to_last(rest, '\'', &mut out),
            '(' => parentheses(rest, &mut out),
            '«' | '»' | '‹' | '›' | '„' | '“' | '‘' | '「' | '『' | '`' => {
                to_last(rest, closing(c), &mut out)
            }
            '0'..='9' => number(rest, no_numbers, &mut out),
            '{' | '[' => to_last(rest, if c == '{' { '}' } else { ']' }, &mut out),
            c if c.is_alphanumeric() || c == '_' || c == '$' => {
                let length =
                    rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
                out.push_str(&rest[..length]);
                length
            }
            c => {
                out.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    if text.len() < MOST_BYTES { out } else { out + "..." }
}

/// A password, or an address with one, may stand anywhere behind these words, quoted in any way.
fn until_secret(text: &str) -> &str {
    let lower = text.to_ascii_lowercase();
    let starts = [
        "password=",
        "passwd=",
        "password =",
        "password '",
        "passfile=",
        "://",
        "sslpassword",
        "identified by",
    ];
    let end = starts.iter().filter_map(|word| lower.find(word)).min().unwrap_or(text.len());
    // Lower case has as many bytes, in ASCII.
    text.get(..end).unwrap_or_default()
}

fn closing(opening: char) -> char {
    match opening {
        '«' => '»',
        '»' => '«',
        '‹' => '›',
        '›' => '‹',
        '„' | '“' => '”',
        '‘' => '’',
        '「' => '」',
        '『' => '』',
        _ => '`',
    }
}

/// A name behind a word that announces one; else everything up to the last quote.
fn double_quoted(rest: &str, out: &mut String) -> usize {
    let inner = &rest[1..];
    let end = inner.find('"');
    let announced = out.trim_end_matches(' ').rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next();
    let named = announced.is_some_and(|word| NAMING.contains(&word.to_ascii_lowercase().as_str()))
        && out.ends_with(' ');
    match end {
        Some(end) if named && is_name(&inner[..end]) => {
            out.push_str(&rest[..end + 2]);
            end + 2
        }
        _ => {
            out.push_str("\"***\"");
            inner.rfind('"').map_or(rest.len(), |last| last + 2)
        }
    }
}

/// What nobody would take for a value: a word, with a schema perhaps.
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '-');
    let digits_only = text.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '-');
    !text.is_empty() && text.len() <= 200 && text.chars().all(plain) && !digits_only
}

fn to_last(rest: &str, close: char, out: &mut String) -> usize {
    let open = rest.chars().next().unwrap_or_default();
    let end = rest[open.len_utf8()..].rfind(close).map(|at| at + open.len_utf8() + close.len_utf8());
    // German closes with what English opens with.
    let end = end.or_else(|| (open == '„').then(|| rest.rfind('“').map(|at| at + '“'.len_utf8())).flatten());
    out.push(open);
    out.push_str(MASK);
    out.push(close);
    end.unwrap_or(rest.len())
}

/// `(PID 12)` stays; of a key the columns; nothing else.
fn parentheses(rest: &str, out: &mut String) -> usize {
    let pid = rest.strip_prefix("(PID ").map(|r| r.chars().take_while(char::is_ascii_digit).count());
    if let Some(digits) = pid.filter(|&n| rest[5 + n..].starts_with(')')) {
        out.push_str(&rest[..6 + digits]);
        return 6 + digits;
    }
    if let Some(end) = rest.find(")=(").filter(|_| out.ends_with("Key ")) {
        let columns = &rest[1..end];
        if columns.split(", ").all(is_name) {
            out.push_str(&rest[..end + 2]);
            return end + 2;
        }
    }
    to_last(rest, ')', out)
}

/// A number that belongs to no word.
fn number(rest: &str, no_numbers: bool, out: &mut String) -> usize {
    let length =
        rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_')).unwrap_or(rest.len());
    let length = rest[..length].trim_end_matches('.').len().max(1);
    match no_numbers {
        true => out.push('0'),
        false => out.push_str(&rest[..length]),
    }
    length
}

#[cfg(test)]
mod tests;
