//! From TOML text to checked values: every value has the type and the bounds that the table of keys gives it.
//!
//! Owns the walk over the parsed file. It never stops at the first problem, and it knows nothing of what the
//! values mean together: that is for `resolve.rs` and `server.rs`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::keys::{self, Form, Key, Older, Section};
use super::problem::{Place, Report, nearest, shown};
use super::value::{Found, Value, check};

/// One section, or one `[[servers]]` among several.
pub struct Table {
    pub section: &'static Section,
    pub place: Place,
    /// A key was given and refused: what seems to be missing may be just that.
    pub flawed: bool,
    values: BTreeMap<&'static str, Found>,
}

/// The whole file.
pub struct Document {
    sections: BTreeMap<&'static str, Table>,
    pub servers: Vec<Table>,
    pub custom: Vec<Table>,
    /// Values under a name or in a section of earlier releases, laid into their place at the end.
    moved: Vec<Moved>,
}

struct Moved {
    from: String,
    section: &'static Section,
    key: &'static Key,
    found: Found,
}

pub fn read(text: &str, report: &mut Report) -> Document {
    let mended = syntax(text, report);
    let (root, _) = DeTable::parse_recoverable(&mended);
    let mut document =
        Document { sections: BTreeMap::new(), servers: Vec::new(), custom: Vec::new(), moved: Vec::new() };
    for (name, value) in root.get_ref() {
        if !report.spoilt(name.span().start) {
            document.section(name, value, report);
        }
    }
    document.settle(report);
    document
}

const TOML: &str = "a line is [section], key = \"text\", key = 60, key = true or a # comment; `pganalytics migrate-config FILE` \
                    writes a file of an earlier release anew";
const ONCE: &str = "a section, and a key in it, may stand only once; `pganalytics migrate-config FILE` joins those of an earlier \
                    release";

/// Tells every line that is no TOML. The parser gives up at a line without "=": such a line is blanked, so that
/// what follows it is read as well.
fn syntax<'t>(text: &'t str, report: &mut Report) -> Cow<'t, str> {
    let mut mended = Cow::Borrowed(text);
    for _ in 0..100 {
        let (_, errors) = DeTable::parse_recoverable(&mended);
        let at = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
        let stop = errors.iter().find(|error| error.message().starts_with("key with no value")).map(at);
        let mut errors: Vec<(usize, &str)> =
            errors.iter().map(|error| (at(error), error.message())).collect();
        errors.sort_unstable();
        for (at, message) in errors {
            if !report.spoilt(at) {
                let hint = if message == "duplicate key" { ONCE } else { TOML };
                report.problem(&Place::Byte(at), format!("{message}; {hint}"));
            }
        }
        match stop {
            Some(at) => mended = Cow::Owned(without_line(&mended, at)),
            None => break,
        }
    }
    mended
}

/// The same text, every other byte where it was, with blanks for the line at `offset`.
fn without_line(text: &str, offset: usize) -> String {
    let start = text[..offset].rfind('\n').map_or(0, |i| i + 1);
    let end = text[offset..].find('\n').map_or(text.len(), |i| offset + i);
    format!("{}{}{}", &text[..start], " ".repeat(end - start), &text[end..])
}

impl Document {
    pub fn table(&self, section: &str) -> Option<&Table> {
        self.sections.get(section)
    }

    pub fn found(&self, section: &str, key: &str) -> Option<&Found> {
        self.table(section)?.found(key)
    }

    pub fn place(&self, section: &str, key: &str) -> Place {
        self.found(section, key).map_or(Place::Byte(0), |found| found.place.clone())
    }

    pub fn text(&self, section: &str, key: &str) -> Option<&str> {
        self.found(section, key)?.value.text()
    }

    /// What the file says, or the default of the table.
    pub fn word(&self, section: &'static str, key: &str) -> &str {
        let default = || default_of(section, key).trim_matches('"');
        self.text(section, key).unwrap_or_else(default)
    }

    pub fn int(&self, section: &'static str, key: &str) -> i64 {
        match self.found(section, key).map(|found| &found.value) {
            Some(Value::Int(n)) => *n,
            _ => default_of(section, key).parse().expect("the default of a number is a number"),
        }
    }

    pub fn bool(&self, section: &'static str, key: &str) -> bool {
        match self.found(section, key).map(|found| &found.value) {
            Some(Value::Bool(b)) => *b,
            _ => default_of(section, key) == "true",
        }
    }

    pub fn list(&self, section: &str, key: &str) -> Vec<String> {
        self.table(section).map_or_else(Vec::new, |table| table.list(key))
    }

    fn section(&mut self, name: &Spanned<toml::de::DeString>, value: &Spanned<DeValue>, report: &mut Report) {
        let place = Place::Byte(name.span().start);
        let plain = name.get_ref().as_ref();
        match (keys::section(plain), value.get_ref()) {
            (Some(section), DeValue::Table(table)) if section.form != Form::Many => {
                let table = self.table_of(section, table, place, report);
                self.sections.insert(section.name, table);
            }
            (Some(section), DeValue::Array(list)) if section.form == Form::Many => {
                self.repeated(section, list, &place, report);
            }
            (Some(section), _) if section.form == Form::Many => {
                report.problem(&place, format!("{plain} must be written as [[{plain}]], once for each"));
            }
            (Some(_), _) => report.problem(&place, format!("{plain} must be a section: [{plain}], once")),
            (None, DeValue::Table(table)) => self.unknown_section(plain, table, &place, report),
            (None, _) => stray(plain, &place, report),
        }
    }

    fn repeated(&mut self, section: &'static Section, list: &DeArray, place: &Place, report: &mut Report) {
        for entry in list.iter() {
            let DeValue::Table(table) = entry.get_ref() else {
                report.problem(place, format!("{0} must be written as [[{0}]], once for each", section.name));
                continue;
            };
            let table = self.table_of(section, table, Place::Byte(entry.span().start), report);
            match section.name {
                "servers" => self.servers.push(table),
                _ => self.custom.push(table),
            }
        }
    }

    fn table_of(
        &mut self,
        section: &'static Section,
        table: &DeTable,
        place: Place,
        report: &mut Report,
    ) -> Table {
        let mut values = BTreeMap::new();
        let before = report.count();
        for (name, value) in table {
            if report.spoilt(name.span().start) {
                continue;
            }
            let plain = name.get_ref().as_ref();
            let Some(key) = section.key(plain) else {
                self.other_key(section.name, plain, name.span().start, value, report);
                continue;
            };
            if let Some(found) = check(section, key, value, report) {
                values.insert(key.name, found);
            }
        }
        Table { section, place, flawed: report.count() > before, values }
    }

    fn unknown_section(&mut self, plain: &str, table: &DeTable, place: &Place, report: &mut Report) {
        if keys::has_older_section(plain) {
            for (name, value) in table {
                self.other_key(plain, name.get_ref().as_ref(), name.span().start, value, report);
            }
            return;
        }
        let known = keys::SECTIONS.iter().filter(|s| s.form != Form::Older).map(|s| s.name);
        let hint = nearest(plain, known).map_or(String::new(), |near| format!(": did you mean [{near}]?"));
        report.warn(place, format!("unknown section [{}], ignored{hint}", shown(plain)));
    }

    /// A name that this section does not have: of an earlier release, of another section, or unknown.
    fn other_key(
        &mut self,
        section: &str,
        plain: &str,
        at: usize,
        value: &Spanned<DeValue>,
        report: &mut Report,
    ) {
        let place = Place::Byte(at);
        match keys::older(section, plain) {
            Some(Older::Renamed(new_section, key, _)) => {
                if let Some(found) = check(new_section, key, value, report) {
                    let from = format!("[{section}] {plain}");
                    self.moved.push(Moved { from, section: new_section, key, found });
                }
            }
            Some(Older::Gone(hint)) => {
                report.warn(&place, format!("[{section}] {} is no longer used: {hint}", shown(plain)));
            }
            None => {
                let hint = elsewhere(section, plain);
                report.warn(&place, format!("unknown key {} in [{section}], ignored{hint}", shown(plain)));
            }
        }
    }

    fn settle(&mut self, report: &mut Report) {
        for moved in std::mem::take(&mut self.moved) {
            let Moved { from, section, key, found } = moved;
            let place = found.place.clone();
            let empty = || Table { section, place: place.clone(), flawed: false, values: BTreeMap::new() };
            let table = self.sections.entry(section.name).or_insert_with(empty);
            match table.values.get(key.name) {
                Some(there) if there.value != found.value => {
                    let what = format!("[{}] {}", section.name, key.name);
                    report.warn(
                        &found.place,
                        format!("{from} says something else than {what}: the latter wins"),
                    );
                }
                Some(_) => {}
                None => {
                    table.values.insert(key.name, found);
                }
            }
        }
    }
}

/// As a whole.
impl Document {
    /// Every key that is given, but for those of repeated sections.
    pub fn given(&self) -> impl Iterator<Item = (&'static Section, &'static str, Place)> {
        self.sections.values().flat_map(|table| {
            table.values.iter().map(|(key, found)| (table.section, *key, found.place.clone()))
        })
    }

    pub fn repeated_sections(&self) -> impl Iterator<Item = (&'static str, Place)> {
        let tables = self.servers.iter().chain(&self.custom);
        tables.map(|table| (table.section.name, table.place.clone()))
    }

    /// What the other gives wins over what this one has.
    pub fn overlay(&mut self, other: Document) {
        for (name, table) in other.sections {
            let empty = Table {
                section: table.section,
                place: table.place.clone(),
                flawed: false,
                values: BTreeMap::new(),
            };
            self.sections.entry(name).or_insert(empty).values.extend(table.values);
        }
    }
}

impl Table {
    pub fn found(&self, key: &str) -> Option<&Found> {
        self.values.get(key)
    }

    pub fn list(&self, key: &str) -> Vec<String> {
        match self.found(key).map(|found| &found.value) {
            Some(Value::List(names)) => names.clone(),
            _ => Vec::new(),
        }
    }

    /// Milliseconds, seconds and the like, with the table's default.
    pub fn int(&self, key: &str) -> Option<i64> {
        match self.found(key)?.value {
            Value::Int(n) => Some(n),
            _ => None,
        }
    }

    pub fn values(&self) -> impl Iterator<Item = (&'static str, &Found)> {
        self.values.iter().map(|(name, found)| (*name, found))
    }
}

/// TOML text of a default that the table is known to have.
pub fn default_of(section: &str, key: &str) -> &'static str {
    let key = keys::section(section).and_then(|s| s.key(key));
    key.and_then(Key::default).expect("only asked for keys with a default")
}

/// A key before any section.
fn stray(plain: &str, place: &Place, report: &mut Report) {
    let hint = elsewhere("", plain);
    report.warn(place, format!("{} stands outside of any section, ignored{hint}", shown(plain)));
}

/// The nearest name in this section, else the section that has this very key: to follow what is told of a name.
pub fn elsewhere(section: &str, plain: &str) -> String {
    let here = keys::section(section).into_iter().flat_map(Section::keys).map(|key| key.name);
    if let Some(near) = nearest(plain, here) {
        return format!(": did you mean {near}?");
    }
    let own = keys::SECTIONS.iter().filter(|s| s.form == Form::One);
    match own.clone().find(|s| s.key(plain).is_some()) {
        Some(there) => format!(": it belongs to [{}]", there.name),
        None => {
            let all = own.flat_map(Section::keys).map(|key| key.name);
            nearest(plain, all).map_or(String::new(), |near| format!(": did you mean {near}?"))
        }
    }
}
