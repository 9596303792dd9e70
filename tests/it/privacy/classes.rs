//! No text without a class: of what every statement answers, and of what code makes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pganalytics::collect::{Gather, Run, Shape, registry};
use pganalytics::privacy::class;

/// The ones among these that have none, as a sentence that says what to do.
pub(crate) fn unclassed<'a>(fields: impl IntoIterator<Item = (&'a str, String)>) -> Vec<String> {
    let without = fields.into_iter().filter(|(kind, path)| class(kind, path).is_none());
    let told: BTreeSet<String> = without
        .map(|(kind, path)| {
            format!(
                "{kind} {path} has no class: say what it is in `texts` of the const in src/collect/{kind}/mod.rs; until \
                 then it leaves only where [privacy] hides nothing"
            )
        })
        .collect();
    told.into_iter().collect()
}

#[test]
fn all_classes_are_given() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let paths = fs::read_to_string(fixtures.join("paths.txt")).unwrap();
    let made = paths.lines().filter_map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
        [kind, path, "text"] => Some((kind.to_owned(), path.to_owned())),
        _ => None,
    });
    let mut all: BTreeSet<(String, String)> = made.collect();
    for collector in registry::ALL {
        let Gather::Sql(parts) = collector.gather else { continue };
        for part in parts {
            let Run::Sql { shape, .. } = part.run else { continue };
            for (name, type_) in columns(&fixtures, collector.name, part.key) {
                let path = match shape {
                    // What names the item's database is no field of it.
                    Shape::Split if name == "database" => continue,
                    Shape::Split | Shape::Fields => name,
                    Shape::Rows => format!("{}[].{name}", part.key),
                    Shape::Object => format!("{}.{name}", part.key),
                };
                match type_.as_str() {
                    "text" => all.insert((collector.name.to_owned(), path)),
                    "json" => all.insert((collector.name.to_owned(), format!("{path}[]"))),
                    _ => false,
                };
            }
        }
    }
    assert!(all.len() > 250, "{}", all.len());
    let faults = unclassed(all.iter().map(|(kind, path)| (kind.as_str(), path.clone())));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Of every version, those that stay in the collector aside.
fn columns(fixtures: &Path, collector: &str, part: &str) -> Vec<(String, String)> {
    let versions = fs::read_dir(fixtures.join("columns")).unwrap().map(|entry| entry.unwrap().path());
    let of_part = versions
        .filter(|p| p.file_name().unwrap().to_str().unwrap().starts_with(&format!("{collector}.{part}@")));
    let lines = of_part.flat_map(|path| {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    });
    lines
        .filter(|line| !line.starts_with('_'))
        .filter_map(|line| line.split_once(' ').map(|(name, type_)| (name.to_owned(), type_.to_owned())))
        .collect()
}
