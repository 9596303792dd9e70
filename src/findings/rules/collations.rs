//! Collations that the operating system sorts otherwise than when indexes were made.

use super::*;

pub(in crate::findings) const RULE: Rule =
    Rule { about: "collations that changed", reads: "pg_settings", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_settings") {
        for row in item.rows("databases") {
            let place = item.within(row.text("name"), None);
            let then = |name: &str| format!("alter database {name} refresh collation version");
            found.push(judge(place, row, row.text("name").map(crate::quote::ident).map(|name| then(&name))));
        }
        for row in item.rows("collations").filter(|row| row.number("objects") > Some(0.0)) {
            let then = row.quoted().map(|name| format!("alter collation {name} refresh version"));
            found.push(judge(item.object(row.relation()), row, then));
        }
    }
}

fn judge(place: Place, row: Row, then: Option<String>) -> Finding {
    let version = |key: &str| row.text(key).unwrap_or("unknown").to_owned();
    let mut next = advice("reindex all indexes on text there, then:");
    next.extend(then.map(Step::Sql));
    Finding {
        severity: Severity::Warning,
        what: "Collation changed under its indexes",
        place,
        figure: format!("made with {}, now {}", version("recorded_version"), version("actual_version")),
        size: row.number("objects").unwrap_or(0.0),
        why: "Indexes on text may be out of order: rows are not found, and unique is not unique.",
        next,
    }
}
