//! The JSON of an item against the columns that the fixtures promise.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pganalytics::collect::{Gather, Part, Run, Shape, registry};
use serde_json::{Map, Value};

use super::stage::Cycle;

/// Every field of every part that is one statement; of parts made by code those that carry a column's name.
#[track_caller]
pub(super) fn agree(major: u32, found: &Cycle) {
    let mut checked = 0;
    for ((name, _), item) in &found.items {
        let Some(collector) = registry::find(name) else { panic!("{name} is no collector") };
        let Gather::Sql(parts) = collector.gather else { continue };
        for (part, columns) in columns_of(name, major) {
            let known = parts.iter().find(|p| p.key == part);
            let strict = known.is_some_and(|p| matches!(p.run, Run::Sql { .. })) && !laid_into(parts);
            let own = spread(known);
            for row in if own { vec![item.as_object().unwrap()] } else { rows(&item[&part]) } {
                for (field, value) in row {
                    match columns.get(field) {
                        Some(kind) => {
                            assert!(is_of(kind, value), "{name}.{part}.{field} is no {kind}: {value}");
                            checked += 1;
                        }
                        None => assert!(own || !strict, "{name}.{part} has no column {field}: {value}"),
                    }
                }
            }
        }
    }
    assert!(checked > 200, "only {checked} fields were compared");
}

/// An earlier part's rows may complete those of a later one.
fn laid_into(parts: &[Part]) -> bool {
    parts.iter().any(|p| matches!(p.run, Run::Code(_)))
}

pub(super) type Columns = BTreeMap<String, String>;

/// By part, of the statements of one collector on this major, without those that stay with the collector.
pub(super) fn columns_of(collector: &str, major: u32) -> BTreeMap<String, Columns> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/columns");
    let mut found = BTreeMap::new();
    for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let Some(rest) = name.strip_prefix(&format!("{collector}.")) else { continue };
        let Some(part) = rest.strip_suffix(&format!("@{major}")) else { continue };
        let text = fs::read_to_string(&file).unwrap();
        let columns = text.lines().filter_map(|line| line.split_once(' '));
        let columns = columns.filter(|(column, _)| !column.starts_with('_'));
        found.insert(part.to_owned(), columns.map(|(n, kind)| (n.to_owned(), kind.to_owned())).collect());
    }
    found
}

/// Its columns stand among the item's own fields, and other fields beside them.
fn spread(part: Option<&Part>) -> bool {
    let shape = part.and_then(|p| match p.run {
        Run::Sql { shape, .. } => Some(shape),
        _ => None,
    });
    matches!(shape, Some(Shape::Fields | Shape::Split))
}

fn rows(value: &Value) -> Vec<&Map<String, Value>> {
    match value {
        Value::Array(rows) => rows.iter().filter_map(Value::as_object).collect(),
        Value::Object(row) => vec![row],
        _ => Vec::new(),
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "bool" => value.is_boolean(),
        "int2" | "int4" | "int8" | "oid" => value.is_i64() || value.is_u64(),
        "float8" => value.is_number() || value.is_null(),
        "text" => value.is_string(),
        "timestamptz" => {
            value.as_str().is_some_and(|t| t.ends_with("infinity") || t.parse::<jiff::Timestamp>().is_ok())
        }
        "json" => true,
        other => panic!("no type {other} is known here"),
    }
}
