//! The new file: every line of the old one in its place, and comments that say what changed.

use super::MARK;
use super::fate::{Fate, Fates, Rewritten};
use super::read::{Block, Entry, Line, Told, Written};
use super::value;
use crate::config::keys::{self, Form, SECTIONS};
use crate::config::load::is_secret;
use crate::config::problem::shown;

/// With the number of the old line that each comes from.
type Lines = Vec<(usize, String)>;

const IN_PLAIN: &str = "a secret in plain text: \"file:/path\" or \"env:NAME\" keeps it out of this file";

/// What moves, by the section that it moves to.
type Moved = std::collections::BTreeMap<&'static str, Lines>;

pub(super) fn lines(blocks: &[Block], mut fates: Fates, notes: &mut Told) -> Lines {
    let mut moved = Moved::new();
    let written: Vec<Lines> =
        (0..blocks.len()).map(|b| block(blocks, b, &mut fates, &mut moved, notes)).collect();
    let mut all = Lines::new();
    for (block, mut lines) in blocks.iter().zip(written) {
        if let Some(more) = moved.remove(block.name.as_str()).filter(|_| !block.many) {
            let end = lines.iter().rposition(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
            let end = end.map_or(0, |at| at + 1);
            lines.splice(end..end, more);
        }
        all.append(&mut lines);
    }
    for section in SECTIONS {
        let Some(more) = moved.remove(section.name) else { continue };
        let number = more[0].0;
        all.extend([(number, String::new()), (number, format!("[{}]", section.name))]);
        all.extend(more);
    }
    all
}

/// Its header, and its lines as they are now.
fn block(blocks: &[Block], b: usize, fates: &mut Fates, moved: &mut Moved, notes: &mut Told) -> Lines {
    let block = &blocks[b];
    let mut out = Lines::new();
    if b > 0 {
        let known = keys::section(&block.name).filter(|section| section.form != Form::Older);
        let kept =
            (0..block.lines.len()).any(|l| matches!(fates.get(&(b, l)), Some(Fate::Keep | Fate::Here(_))));
        let header = if known.is_some() || kept { block.header.clone() } else { commented(&block.header) };
        out.push((block.number, header));
    }
    for (l, line) in block.lines.iter().enumerate() {
        match fates.remove(&(b, l)) {
            None => out.push((line.number, line.text.clone())),
            Some(Fate::Keep) => {
                if let Some(Entry { key, value: Written::Toml(text), .. }) = &line.entry {
                    warn_of_secret(line.number, key, text, &mut out, notes);
                }
                out.push((line.number, line.text.clone()));
            }
            Some(Fate::Out(why)) => put_out(block, line, &why, &mut out, notes),
            Some(Fate::Here(new)) => {
                let why = told(block, line, &new, block.name.as_str());
                notes.push((line.number, why.clone()));
                out.push((line.number, format!("{MARK} {why}")));
                warn_of_secret(line.number, new.key, &new.text, &mut out, notes);
                out.push((line.number, rewritten(line, &new)));
            }
            Some(Fate::Away(section, new)) => {
                put_out(block, line, &format!("now [{}] {}", section.name, new.key), &mut out, notes);
                let why = told(block, line, &new, section.name);
                let to = moved.entry(section.name).or_default();
                to.push((line.number, format!("{MARK} {why}")));
                warn_of_secret(line.number, new.key, &new.text, to, notes);
                to.push((line.number, rewritten(line, &new)));
            }
        }
    }
    out
}

fn put_out(block: &Block, line: &Line, why: &str, out: &mut Lines, notes: &mut Told) {
    let key = line.entry.as_ref().map_or("", |entry| entry.key.as_str());
    notes.push((line.number, format!("{}: {why}", named(block, key))));
    out.push((line.number, format!("{MARK} {why}")));
    out.push((line.number, commented(&line.text)));
}

/// What it was called and why it is not any more.
fn told(block: &Block, line: &Line, new: &Rewritten, section: &str) -> String {
    let key = line.entry.as_ref().map_or("", |entry| entry.key.as_str());
    let was = (block.name != section || key != new.key).then(|| format!("was {}", named(block, key)));
    was.into_iter().chain(new.why.iter().cloned()).collect::<Vec<_>>().join(": ")
}

fn named(block: &Block, key: &str) -> String {
    let key = shown(key);
    if block.name.is_empty() { key.to_owned() } else { format!("[{}] {key}", shown(&block.name)) }
}

fn rewritten(line: &Line, new: &Rewritten) -> String {
    let comment = line.entry.as_ref().map_or("", |entry| entry.comment.trim_start_matches(['#', ';']).trim());
    let comment = if comment.is_empty() { String::new() } else { format!("  # {comment}") };
    format!("{} = {}{comment}", new.key, new.text)
}

/// Once: a comment that stands there already is enough.
fn warn_of_secret(number: usize, key: &str, text: &str, out: &mut Lines, notes: &mut Told) {
    let said = format!("{MARK} {IN_PLAIN}");
    let open = value::plain(text).is_some_and(|plain| !plain.is_empty() && is_secret(key, &plain));
    if open && out.last().is_none_or(|(_, last)| *last != said) {
        notes.push((number, format!("{key}: {IN_PLAIN}")));
        out.push((number, said));
    }
}

fn commented(text: &str) -> String {
    text.lines().map(|line| format!("# {line}")).collect::<Vec<_>>().join("\n")
}
