//! The SQL files as such: named by part and gate, registered, and written as an operator wants to audit them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pganalytics::collect::{Gather, Run, registry};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gate {
    Major(u32),
    /// Minor version of the extension, whose major is 1.
    Extension(u32),
}

#[derive(Clone, Debug)]
pub(crate) struct File {
    /// From `src`.
    pub(crate) name: String,
    /// Its folder, or the probe.
    pub(crate) collector: String,
    pub(crate) part: String,
    pub(crate) gate: Gate,
    pub(crate) text: String,
}

/// Every SQL file of the program, by collector and part, each part's in the order of their gates.
pub(crate) fn all() -> Vec<File> {
    let mut files: Vec<File> = sources("sql").iter().map(|path| file(path)).collect();
    files.sort_by(|a, b| (&a.collector, &a.part, a.gate).cmp(&(&b.collector, &b.part, b.gate)));
    assert!(files.len() > 10, "{files:?}");
    files
}

fn file(path: &Path) -> File {
    let stem = path.file_stem().unwrap().to_str().unwrap();
    let (part, gate) = match stem.split_once(".ext1.") {
        Some((part, minor)) => (part, Gate::Extension(minor.parse().expect(stem))),
        None => {
            let (part, major) = stem.split_once('.').expect("a file is named part.major.sql");
            (part, Gate::Major(major.parse().expect(stem)))
        }
    };
    let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
    let collector = if folder == "pg" { "probe" } else { folder };
    File {
        name: path.strip_prefix(source()).unwrap().display().to_string(),
        collector: collector.to_owned(),
        part: part.to_owned(),
        gate,
        text: fs::read_to_string(path).unwrap(),
    }
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources(extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![source()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn each_is_referenced_once_and_by_its_own_folder() {
    let mut referenced: BTreeMap<PathBuf, u32> = BTreeMap::new();
    for rust in sources("rs") {
        let text = fs::read_to_string(&rust).unwrap();
        for name in text.split("include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            if name.ends_with(".sql") {
                assert!(!name.contains('/'), "{}: {name} lies elsewhere", rust.display());
                *referenced.entry(rust.parent().unwrap().join(name)).or_default() += 1;
            }
        }
    }
    for path in sources("sql") {
        assert_eq!(referenced.remove(&path), Some(1), "{}", path.display());
    }
    assert!(referenced.is_empty(), "{referenced:?}");
}

#[test]
fn registered_variants_are_gated_as_their_files_are_named() {
    let files = all();
    for collector in registry::ALL {
        let Gather::Sql(parts) = &collector.gather else { continue };
        for part in *parts {
            let Run::Sql { variants, .. } = &part.run else { continue };
            let gates = variants.iter().map(|v| (Gate::Major(v.since), v.sql.to_owned()));
            let named = files.iter().filter(|f| f.collector == collector.name && f.part == part.key);
            let named: Vec<(Gate, String)> = named.map(|f| (f.gate, f.text.clone())).collect();
            assert_eq!(gates.collect::<Vec<_>>(), named, "{}.{}", collector.name, part.key);
        }
    }
}

#[test]
fn each_is_written_to_be_audited() {
    let files = all();
    let faults: Vec<String> = files
        .iter()
        .flat_map(|f| faults(&f.text).into_iter().map(move |fault| format!("{}: {fault}", f.name)))
        // Columns and order are those of the operator's own query.
        .filter(|fault| !(fault.starts_with("collect/custom/") && fault.ends_with("star for columns")))
        .filter(|fault| !(fault.starts_with("collect/custom/") && fault.ends_with("limit without order by")))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_rules_find_what_they_are_for() {
    let good = "-- What. Cost: none. Needs: nothing.\nwith c as (\n    select 1 as a\n)\nselect\n    c.a\n    , d.b\nfrom c\n\
                join pg_catalog.pg_class d on d.oid = c.a and d.relname is distinct from 'X'\norder by c.a\nlimit 1\n";
    assert_eq!(faults(good), Vec::<String>::new());
    let bad = [
        (good.replacen("-- ", "", 1), "comment"),
        (good.replace("Cost: none. ", ""), "Cost"),
        (good.replace("Needs: nothing.", ""), "Needs"),
        (good.replace("order by", "ORDER BY"), "upper"),
        (good.replace("c.a\n    , d.b", "*"), "star"),
        (good.replace("c.a\n    , d.b", "c.*"), "star"),
        (good.replace("pg_catalog.pg_class", "pg_class"), "from pg_class"),
        (good.replace("order by c.a\n", ""), "limit"),
        (good.replace("c.a\n    , d.b", "c.a,\n    d.b"), "comma"),
        (good.replace("c.a\n", "pg_relation_size(c.a)\n"), "pg_relation_size"),
        (good.replace("limit 1\n", "limit 1;\n"), "semicolon"),
    ];
    for (text, word) in bad {
        assert!(
            faults(&text).iter().any(|fault| fault.contains(word)),
            "{word}: {:?}\n{text}",
            faults(&text)
        );
    }
}

fn faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let comment: String = text.lines().take_while(|l| l.starts_with("-- ")).collect();
    if comment.is_empty() {
        faults.push("the first line is no comment".to_owned());
    }
    for word in ["Cost: ", "Needs: "] {
        if !comment.contains(word) {
            faults.push(format!("does not say {word}"));
        }
    }
    let code = code(text);
    if code.chars().any(char::is_uppercase) {
        faults.push("upper case".to_owned());
    }
    if code.contains(';') {
        faults.push("a semicolon: one statement each".to_owned());
    }
    if code.lines().any(|l| l.trim_end().ends_with(',')) {
        faults.push("a comma at the end of a line: commas lead".to_owned());
    }
    let words = words(&code);
    let star = |pair: &[&str]| pair[0] == "select" && pair[1] == "*" || pair[1].ends_with(".*");
    if words.windows(2).any(star) {
        faults.push("a star for columns".to_owned());
    }
    if words.contains(&"limit") && !words.windows(2).any(|w| w == ["order", "by"]) {
        faults.push("limit without order by".to_owned());
    }
    faults.extend(unqualified(&words));
    faults
}

/// Without comments and what stands in quotes.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|l| !l.trim_start().starts_with("--"));
    let body = lines.collect::<Vec<_>>().join("\n");
    body.split('\'').step_by(2).collect::<Vec<_>>().join("''")
}

/// Split at blanks; brackets and commas stand alone.
fn words(code: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for chunk in code.split_whitespace() {
        let mut rest = chunk;
        while let Some(at) = rest.find(['(', ')', ',']) {
            words.extend([&rest[..at], &rest[at..=at]].iter().filter(|w| !w.is_empty()));
            rest = &rest[at + 1..];
        }
        words.extend((!rest.is_empty()).then_some(rest));
    }
    words
}

/// Relations and functions that a search_path could replace.
fn unqualified(words: &[&str]) -> Vec<String> {
    let named_here: BTreeSet<&str> = words.windows(2).filter(|w| w[1] == "as").map(|w| w[0]).collect();
    let mut faults = Vec::new();
    for window in words.windows(3) {
        let [before, from, name] = window else { continue };
        let reads = matches!(*from, "from" | "join") && *before != "distinct";
        let known = name.starts_with("pg_catalog.")
            || name.starts_with(":\"pgss\".")
            || matches!(*name, "(" | "lateral" | "rows")
            || named_here.contains(name);
        if reads && !known {
            faults.push(format!("from {name}, of no schema"));
        }
    }
    let calls = words.windows(2).filter(|w| w[1] == "(" && w[0].starts_with("pg_"));
    faults.extend(
        calls.filter(|w| !w[0].starts_with("pg_catalog.")).map(|w| format!("{}() of no schema", w[0])),
    );
    faults
}
