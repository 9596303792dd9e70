//! Sequences that come to the end of their range, or of their column's.

use super::*;
use crate::findings::words::{count, percent};
use crate::quote::ident;

/// Percent used. From three quarters on there is still time to change a type that rewrites the table.
const USED: Grades = Grades { notice: 75.0, warning: 90.0, critical: 98.0 };

pub(in crate::findings) const RULE: Rule =
    Rule { about: "sequences near their end", reads: "pg_sequences", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_sequences") {
        // One that cycles begins anew.
        let rows = item.rows("sequences").filter(|row| row.yes("cycles") != Some(true));
        found.extend(rows.filter_map(|row| judge(&item, row)));
    }
}

fn judge(item: &Item, row: Row) -> Option<Finding> {
    let used = row.number("used_percent")?;
    let severity = USED.of(used)?;
    let left = row.number("remaining_values");
    let column = column(row).map(|(_, _, plain)| format!(" of {plain}")).unwrap_or_default();
    let limit = match row.text("limited_by") {
        Some("column") => format!(" (its column is {})", row.text("column_type").unwrap_or("too small")),
        _ => String::new(),
    };
    let left = left.map(|n| format!(", {} values left{limit}", count(n))).unwrap_or(limit);
    Some(Finding {
        severity,
        what: "Sequence nearly exhausted",
        place: item.object(format!("{}{column}", row.relation())),
        figure: format!("{} used{left}", percent(used)),
        size: used,
        why: "When it is used up, every insert that needs a value fails.",
        next: wider(row),
    })
}

/// The table and the column that it feeds, quoted, and as a person writes them.
fn column(row: Row) -> Option<(String, String, String)> {
    let (schema, table) = (row.text("table_schema")?, row.text("table_name")?);
    let column = row.text("column_name")?;
    Some((crate::findings::item::quoted(schema, table), ident(column), format!("{table}.{column}")))
}

fn wider(row: Row) -> Vec<Step> {
    let mut next = Vec::new();
    let small = |kind: Option<&str>| matches!(kind, Some("smallint" | "integer"));
    if let Some((table, column, _)) = column(row).filter(|_| small(row.text("column_type"))) {
        next.push(Step::Do("rewrites and locks the table: plan it, with its foreign keys".to_owned()));
        next.push(Step::Sql(format!("alter table {table} alter column {column} type bigint")));
    }
    if let Some(name) = row.quoted() {
        match row.text("data_type") {
            kind if small(kind) => next.push(Step::Sql(format!("alter sequence {name} as bigint"))),
            _ if row.text("limited_by") == Some("sequence") => {
                let end = if row.number("increment") < Some(0.0) { "minvalue" } else { "maxvalue" };
                next.push(Step::Sql(format!("alter sequence {name} no {end}")));
            }
            _ => {}
        }
    }
    next
}
