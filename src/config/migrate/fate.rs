//! What becomes of each key of an older file: it stays, is rewritten, moves to another section, or becomes a comment.
//!
//! Where several keys mean one, the one that a run obeys stays: today's name before an older one, today's unit before
//! another, today's section before another; of two that are the same the later one.

use std::collections::BTreeMap;

use super::read::{Block, Entry, Told, Written};
use super::value::{self, Text, meant};
use crate::config::document::elsewhere;
use crate::config::keys::{self, Form, Key, Kind, Older, Section, in_other_units, older};
use crate::config::problem::shown;
use crate::config::value::Value;

/// By block and line.
pub(super) type Fates = BTreeMap<(usize, usize), Fate>;

pub(super) enum Fate {
    Keep,
    /// Rewritten in its place.
    Here(Rewritten),
    /// Into a section that is given once.
    Away(&'static Section, Rewritten),
    /// A comment from now on.
    Out(String),
}

pub(super) struct Rewritten {
    pub(super) key: &'static str,
    pub(super) text: String,
    /// Empty: it only moved.
    pub(super) why: Vec<String>,
}

/// What a key of the file says today.
enum Said {
    Claimed(Claim),
    /// Nothing, for this reason.
    Nothing(String),
}

/// One key of the file, and the one of today that it means.
struct Claim {
    at: (usize, usize),
    section: &'static Section,
    key: &'static Key,
    /// `None`: empty.
    value: Option<Value>,
    text: String,
    why: Vec<String>,
    rank: Rank,
    /// As it is called where it stands.
    name: String,
    /// By today's name, in today's section.
    same: bool,
    /// Empty as the file may say it today.
    empty: bool,
}

/// The least is obeyed: (empty, in other units, under an older name, and among equals the later or the first by name).
type Rank = (bool, bool, bool, Order);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Later(std::cmp::Reverse<(usize, usize)>),
    Name(String),
}

pub(super) fn settle(blocks: &[Block]) -> Result<Fates, Told> {
    let (mut fates, mut claims, mut wrong) = (Fates::new(), Vec::new(), Told::new());
    for (b, block) in blocks.iter().enumerate() {
        for (l, line) in block.lines.iter().enumerate() {
            let Some(entry) = &line.entry else { continue };
            match claim(block, entry, (b, l)) {
                Ok(Said::Claimed(claim)) => claims.push(claim),
                Ok(Said::Nothing(why)) => drop(fates.insert((b, l), Fate::Out(why))),
                Err(why) => wrong.push((line.number, why)),
            }
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    filters(blocks, &mut claims, &mut fates);
    let mut groups: BTreeMap<(Option<usize>, &str, &str), Vec<Claim>> = BTreeMap::new();
    for claim in claims {
        let own = blocks[claim.at.0].many.then_some(claim.at.0);
        groups.entry((own, claim.section.name, claim.key.name)).or_default().push(claim);
    }
    groups.into_values().for_each(|group| decide(blocks, group, &mut fates));
    Ok(fates)
}

/// Or what is wrong with it.
fn claim(block: &Block, entry: &Entry, at: (usize, usize)) -> Result<Said, String> {
    let own = keys::section(&block.name);
    if own.is_some_and(|section| (section.form == Form::Many) != block.many) {
        let brackets = if block.many { ["[", "]"] } else { ["[[", "]]"] };
        return Err(format!("the section is written {}{}{}", brackets[0], block.name, brackets[1]));
    }
    let here = own.and_then(|section| Some((section, section.key(&entry.key)?)));
    let (section, key, mut why, renamed) = match (here, older(&block.name, &entry.key)) {
        (Some((section, key)), _) => (section, key, Vec::new(), false),
        (None, Some(Older::Renamed(section, key, why))) => (section, key, vec![why.to_owned()], true),
        (None, Some(Older::Gone(hint))) => return Ok(Said::Nothing(format!("no longer used: {hint}"))),
        (None, None) => return unknown(block, entry).map(Said::Nothing),
    };
    let value = meant(section, key, &entry.value)?;
    let (value, mut text) = match value {
        Some((value, text)) => (Some(value), text),
        None => (None, Text { text: String::new(), why: None }),
    };
    let (value, key, unit) = match (value, in_other_units(section, key)) {
        (Some(Value::Int(n)), Some((new, factor, reason))) => {
            text = Text { text: (n * factor).to_string(), why: Some(reason.to_owned()) };
            (Some(Value::Int(n * factor)), new, true)
        }
        (value, _) => (value, key, false),
    };
    why.extend(text.why);
    let name = format!("[{}] {}", block.name, entry.key);
    let order = if renamed { Order::Name(name.clone()) } else { Order::Later(std::cmp::Reverse(at)) };
    let rank = (value.is_none(), unit, renamed, order);
    let same = section.name == block.name && key.name == entry.key;
    let may_be_empty = matches!(key.kind, Kind::Text | Kind::Path | Kind::Secret | Kind::Names | Kind::Ports);
    let empty = same && may_be_empty && matches!(entry.value, Written::Toml(_));
    Ok(Said::Claimed(Claim { at, section, key, value, text: text.text, why, rank, name, same, empty }))
}

fn unknown(block: &Block, entry: &Entry) -> Result<String, String> {
    if block.name.is_empty() && keys::section(&entry.key).is_some() {
        return Err(format!("write [{}], and each key in a line of its own", entry.key));
    }
    let hint = elsewhere(&block.name, &entry.key);
    Ok(match block.name.is_empty() {
        true => format!("outside of any section, never read{hint}"),
        false => format!("unknown in [{}], never read{hint}", shown(&block.name)),
    })
}

/// `[filters]` is for every server. With one server its names are those of `[postgres]`.
fn filters(blocks: &[Block], claims: &mut Vec<Claim>, fates: &mut Fates) {
    let given = |c: &Claim| c.section.form == Form::Older && c.value.is_some();
    let (mut filters, others): (Vec<Claim>, Vec<Claim>) = std::mem::take(claims).into_iter().partition(given);
    *claims = others;
    filters.sort_by(|a, b| b.rank.cmp(&a.rank));
    if blocks.iter().any(|block| block.name == "servers" && block.many) {
        claims.append(&mut filters);
        return;
    }
    let Some(filtered) = filters.pop() else { return };
    for other in filters {
        fates.insert(other.at, Fate::Out("given again below, which counts".to_owned()));
    }
    let Some((section, key)) = keys::section("postgres").and_then(|s| Some((s, s.key(filtered.key.name)?)))
    else {
        return;
    };
    let same = |c: &&mut Claim| c.section.name == section.name && c.key.name == key.name && c.value.is_some();
    match claims.iter_mut().filter(same).min_by(|a, b| a.rank.cmp(&b.rank)) {
        Some(there) => {
            let (Some(Value::List(names)), Some(Value::List(more))) = (&mut there.value, filtered.value)
            else {
                return;
            };
            names.extend(more.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
            there.text = value::array(names.iter().map(String::as_str));
            there.why.push(format!("with the names of {}", filtered.name));
            fates.insert(filtered.at, Fate::Out("its names are in [postgres] exclude_databases".to_owned()));
        }
        None => {
            let why = vec!["each server has its own".to_owned()];
            claims.push(Claim { section, key, why, same: false, ..filtered });
        }
    }
}

/// The one that a run obeys, and why the others are comments.
fn decide(blocks: &[Block], mut group: Vec<Claim>, fates: &mut Fates) {
    group.sort_by(|a, b| a.rank.cmp(&b.rank));
    let mut group = group.into_iter();
    let Some(first) = group.next() else { return };
    for other in group {
        let why = match other.value == first.value {
            _ if other.value.is_none() => format!("empty, and {} is not", first.name),
            true => format!("{} says the same", first.name),
            false => format!("{} says something else, and is the one that counts", first.name),
        };
        fates.insert(other.at, Fate::Out(why));
    }
    let Claim { at, section, key, value, text, why, same, empty, .. } = first;
    let away = section.name != blocks[at.0].name;
    let fate = match (value, away) {
        (None, _) if empty => Fate::Keep,
        (None, _) => Fate::Out("empty: as if it were not there".to_owned()),
        (Some(_), _) if same && why.is_empty() => Fate::Keep,
        (Some(_), true) => Fate::Away(section, Rewritten { key: key.name, text, why }),
        (Some(_), false) => Fate::Here(Rewritten { key: key.name, text, why }),
    };
    fates.insert(at, fate);
}
