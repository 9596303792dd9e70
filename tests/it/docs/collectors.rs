//! `docs/COLLECTORS.md`, made of the registry, the comments of the SQL files, and the columns that each version answers.
//! `BLESS=1 scripts/test collectors_document` writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

use pganalytics::collect::{At, Collector, Every, Gather, Need, On, Part, Run, Scope, Shape, registry};
use pganalytics::privacy::{Class, class};

use super::root;
use crate::cycle::sql_files::{self, File};

const HEAD: &str = "\
# Collectors

What each type of item holds, where it comes from, and what it costs. Items, outcomes and absent fields:
[WIRE.md](WIRE.md). Every collector has a section of its name in the configuration: `enabled`, `interval`. A role with
`pg_monitor` can read everything here but what a line marks otherwise; nothing is sent that a role may not read.

`18+` is the first version that has a field or a part, `13-16` the versions that have it; without a mark all do.
Fields stand by type, texts by what `[privacy]` takes them for ([PRIVACY.md](PRIVACY.md)). Units are in the names: `_ms`, `_us`, `_s` (seconds), `_bytes`, `_kb`, `_mb`, `_gb` (powers of
1024), `_percent`, `_per_s`, `_per_hour`; `_blocks` and `blks` are of 8192 bytes unless the server was built otherwise; a time of
a statement (`total_time`) is in ms, a share of a processor (`cpu.user`) in percent.
";

const CUSTOM: &str = "\
Each query is one select, asked as a subquery in a read-only transaction that is rolled back: it writes nothing. **That
does not stop functions that act on something else than this database's data**, such as `pg_terminate_backend()` or
`dblink()`: give the role no right to execute what it should not. What a query returns leaves this host as it is.

Rows are an array under the query's name, with the columns that it names. `interval`, `scope`, `timeout_ms` and `max_rows`
are its own.
";

#[test]
fn the_collectors_document_is_what_the_program_is() {
    let path = root().join("docs/COLLECTORS.md");
    let text = render();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    let differs = there.lines().zip(text.lines()).find(|(old, new)| old != new);
    assert!(there == text, "BLESS=1 scripts/test collectors_document; first difference: {differs:?}");
}

fn render() -> String {
    let files = sql_files::all();
    let mut text = HEAD.to_owned();
    text += "\n| collector | of each | every | holds |\n|---|---|---|---|\n";
    for c in registry::ALL {
        let link = format!("[`{0}`](#{0})", c.name);
        writeln!(text, "| {link} | {} | {} | {} |", scope(c), rhythm(c), c.about).unwrap();
    }
    for collector in registry::ALL {
        let files: Vec<&File> = files.iter().filter(|f| f.collector == collector.name).collect();
        section(collector, &files, &mut text);
    }
    text
}

fn section(c: &Collector, files: &[&File], text: &mut String) {
    write!(
        text,
        "\n## {}\n\n{}: one item of each {}, {}. Needs: {}.\n",
        c.name,
        upper(c.about),
        scope(c),
        rhythm(c),
        c.needs
    )
    .unwrap();
    let parts: &[Part] = match c.gather {
        Gather::Sql(parts) => parts,
        Gather::Configured(_) => return write!(text, "\n{CUSTOM}").unwrap(),
        Gather::Host | Gather::Agent => &[],
    };
    if !parts.is_empty() {
        *text += "\n| part | where | reads | cost | needs |\n|---|---|---|---|---|\n";
        parts.iter().for_each(|part| part_row(part, files, text));
        other_rows(parts, files, text);
    }
    let known = Known::of(c.name);
    *text += "\n";
    for part in parts {
        if let Run::Sql { shape, .. } = part.run {
            let mut columns = known.columns.get(part.key).cloned().unwrap_or_default();
            if shape == Shape::Split {
                columns.remove(0); // the item's database
            }
            let place = match shape {
                Shape::Rows => format!("`{}[]`", part.key),
                Shape::Object => format!("`{}`", part.key),
                Shape::Split | Shape::Fields => format!("of the item ({})", part.key),
            };
            let path = match shape {
                Shape::Rows => format!("{}[].", part.key),
                Shape::Object => format!("{}.", part.key),
                Shape::Split | Shape::Fields => String::new(),
            };
            fields(c.name, &path, &place, &columns, text);
        }
    }
    let told: BTreeSet<&str> =
        parts.iter().filter(|p| matches!(p.run, Run::Sql { .. })).map(|p| p.key).collect();
    seen(c.name, &known, &told, text);
}

/// A line for the part.
fn part_row(part: &Part, files: &[&File], text: &mut String) {
    let newest = files.iter().rev().find(|f| f.part == part.key);
    let (what, cost, need) = match newest {
        Some(file) => comment(file),
        None => ("by code".to_owned(), String::new(), String::new()),
    };
    let place = place(part, files);
    writeln!(text, "| `{}` | {place} | {what} | {cost} | {} |", part.key, needs(part, &need)).unwrap();
}

/// What the code of a part asks, under names of its own.
fn other_rows(parts: &[Part], files: &[&File], text: &mut String) {
    let others = files.iter().filter(|f| parts.iter().all(|p| p.key != f.part));
    let newest: BTreeMap<&str, &&File> = others.map(|f| (f.part.as_str(), f)).collect();
    for (name, file) in newest {
        let (what, cost, need) = comment(file);
        writeln!(text, "| | `{name}` | {what} | {cost} | {} |", need.trim_end_matches('.')).unwrap();
    }
}

fn place(part: &Part, files: &[&File]) -> String {
    let mut words = vec![match part.at {
        At::Server => "server".to_owned(),
        At::Database => "each database".to_owned(),
    }];
    if part.since() > 13 {
        words.push(format!("{}+", part.since()));
    }
    match part.on {
        On::Any => {}
        On::Primary => words.push("primaries".to_owned()),
        On::Standby => words.push("standbys".to_owned()),
    }
    match part.every {
        Every::Time => {}
        Every::Sizes => words.push("at `sizes_interval`".to_owned()),
        Every::Seconds(s) => words.push(format!("every {s} s")),
    }
    let gates: Vec<String> = files
        .iter()
        .filter(|f| f.part == part.key)
        .map(|f| match f.gate {
            sql_files::Gate::Major(major) => major.to_string(),
            sql_files::Gate::Extension(minor) => format!("1.{minor}"),
        })
        .collect();
    if gates.len() > 1 {
        words.push(format!("own SQL for {}", gates.join(", ")));
    }
    words.join("; ")
}

fn needs(part: &Part, comment: &str) -> String {
    let each = part.needs.iter().map(|need| match need {
        Need::Extension(name) => format!("extension `{name}`"),
        Need::Role(role) => format!("`{role}`"),
        Need::Use(object) => format!("`{object}`"),
        Need::Sees(role) => format!("`{role}` to see everything"),
        Need::Adds(object) => format!("`{object}` for more"),
    });
    let mut all: Vec<String> = each.collect();
    if all.is_empty() {
        all.push(comment.trim_end_matches('.').to_owned());
    }
    all.join(", ")
}

/// What stands before `Cost:`, between it and `Needs:`, and behind that.
fn comment(file: &File) -> (String, String, String) {
    let lines = file.text.lines().map_while(|line| line.strip_prefix("-- "));
    let all = lines.collect::<Vec<_>>().join(" ");
    let (what, rest) = all.split_once("Cost: ").expect(&file.name);
    let (cost, needs) = rest.split_once("Needs: ").expect(&file.name);
    let cell = |text: &str| text.trim().replace('|', "\\|");
    (cell(what), cell(cost), cell(needs))
}

/// A statement's columns with their types, and the versions that answer them.
type Columns = Vec<(String, String, Option<String>)>;

struct Known {
    /// By statement.
    columns: BTreeMap<String, Columns>,
}

impl Known {
    fn of(collector: &str) -> Known {
        let mut answers: BTreeMap<String, BTreeMap<u32, Vec<(String, String)>>> = BTreeMap::new();
        for entry in fs::read_dir(root().join("tests/fixtures/columns")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let Some(rest) = name.strip_prefix(&format!("{collector}.")) else { continue };
            let (part, major) = rest.split_once('@').unwrap();
            let text = fs::read_to_string(&path).unwrap();
            let columns = text.lines().filter(|l| !l.starts_with('_')).filter_map(|l| l.split_once(' '));
            let columns = columns.map(|(n, t)| (n.to_owned(), t.to_owned())).collect();
            answers.entry(part.to_owned()).or_default().insert(major.parse().unwrap(), columns);
        }
        Known { columns: answers.into_iter().map(|(part, by)| (part, merged(&by))).collect() }
    }

    /// The versions that have a field of this name, where any statement answers it.
    fn versions(&self, name: &str) -> Option<String> {
        self.columns.values().flatten().find(|(n, ..)| n == name).and_then(|(.., versions)| versions.clone())
    }
}

/// In the order of the newest version; what only older ones have comes last.
fn merged(by: &BTreeMap<u32, Vec<(String, String)>>) -> Columns {
    let majors: Vec<u32> = by.keys().copied().collect();
    let mut found: Columns = Vec::new();
    for (name, kind) in by.values().rev().flatten() {
        if found.iter().any(|(known, ..)| known == name) {
            continue;
        }
        let has: Vec<u32> = majors.iter().copied().filter(|m| by[m].iter().any(|(n, _)| n == name)).collect();
        let (first, last) = (has[0], has[has.len() - 1]);
        let versions = match (first == majors[0], last == majors[majors.len() - 1]) {
            (true, true) => None,
            (false, true) => Some(format!("{first}+")),
            _ if first == last => Some(first.to_string()),
            _ => Some(format!("{first}-{last}")),
        };
        found.push((name.clone(), kind.clone(), versions));
    }
    found
}

const KINDS: &[&str] = &[
    "integers",
    "numbers",
    "SQL",
    "names",
    "addresses",
    "settings",
    "sentences",
    "other texts",
    "times",
    "yes or no",
    "lists of names",
    "lists",
];

/// What a field is, for people.
fn kind_of(collector: &str, path: &str, type_: &str) -> &'static str {
    match type_ {
        "int2" | "int4" | "int8" | "oid" => "integers",
        "float8" => "numbers",
        "timestamptz" => "times",
        "bool" => "yes or no",
        "json" if class(collector, &format!("{path}[]")) == Some(Class::Name) => "lists of names",
        "json" => "lists",
        _ => match class(collector, path).unwrap_or_else(|| panic!("{collector} {path} has no class")) {
            Class::Statement => "SQL",
            Class::Address => "addresses",
            Class::Setting | Class::SettingName => "settings",
            Class::Message => "sentences",
            Class::Word => "other texts",
            Class::Name | Class::Names | Class::Qualified | Class::Type | Class::Labelled | Class::Mark => {
                "names"
            }
        },
    }
}

/// By kind, in the order that they come in. `path` is what stands before their names.
fn fields(collector: &str, path: &str, place: &str, columns: &Columns, text: &mut String) {
    if columns.is_empty() {
        return;
    }
    writeln!(text, "Fields {place}:").unwrap();
    for title in KINDS {
        let of_kind = columns
            .iter()
            .filter(|(name, type_, _)| kind_of(collector, &format!("{path}{name}"), type_) == *title);
        let names: Vec<String> =
            of_kind.map(|(name, _, versions)| named(name, versions.as_deref())).collect();
        if !names.is_empty() {
            writeln!(text, "- {title}: {}", names.join(", ")).unwrap();
        }
    }
    *text += "\n";
}

fn named(name: &str, versions: Option<&str>) -> String {
    match versions {
        Some(versions) => format!("`{name}` {versions}"),
        None => format!("`{name}`"),
    }
}

/// What code makes: as it was seen in items.
fn seen(collector: &str, known: &Known, told: &BTreeSet<&str>, text: &mut String) {
    let all = fs::read_to_string(root().join("tests/fixtures/paths.txt")).unwrap();
    let answers = |part: &str, name: &str| {
        told.contains(part) && known.columns.get(part).is_some_and(|c| c.iter().any(|(n, ..)| n == name))
    };
    let mut places: Vec<(String, String, Columns)> = Vec::new();
    for line in all.lines() {
        let [kind, path, type_] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let first = path.split(['.', '[']).next().unwrap();
        let name = path.rsplit('.').next().unwrap();
        let is_told = match path.contains('.') {
            true => answers(first, name),
            false => told.iter().any(|part| answers(part, name)) || told.contains(first),
        };
        if kind != collector || is_told {
            continue;
        }
        let (before, place, name) = match path.rsplit_once('.') {
            Some((place, name)) => (format!("{place}."), format!("of `{place}`"), name),
            None => (String::new(), "of the item".to_owned(), path),
        };
        let field = (name.to_owned(), type_.to_owned(), known.versions(name));
        match places.iter_mut().find(|(known, ..)| *known == before) {
            Some((.., fields)) => fields.push(field),
            None => places.push((before, place, vec![field])),
        }
    }
    places.iter().for_each(|(path, place, columns)| fields(collector, path, place, columns, text));
}

fn scope(c: &Collector) -> &'static str {
    match c.scope {
        Scope::Host => "host",
        Scope::Server => "server",
        Scope::Database => "database",
        Scope::Agent => "run",
    }
}

fn rhythm(c: &Collector) -> String {
    match c.enabled {
        true => format!("every {} s", c.every_s),
        false => format!("every {} s, off by default", c.every_s),
    }
}

fn upper(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
