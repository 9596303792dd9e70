//! What was looked at: the other half of "nothing was found".

use std::collections::BTreeSet;

use wire::{Outcome, Reason, Verdict};

use super::RULES;
use super::evidence::Evidence;
use super::words::of;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    pub servers: Vec<String>,
    /// Databases, tables and the like, in words.
    pub counts: String,
    /// Each kind of trouble.
    pub about: Vec<&'static str>,
}

/// Rows of these parts are things a person counts.
const COUNTED: [(&str, &str, &str); 4] = [
    ("pg_stats", "tables", "table"),
    ("pg_stats", "indexes", "index"),
    ("pg_sequences", "sequences", "sequence"),
    ("pg_query_stats", "queries", "statement"),
];

pub fn looked(evidence: &Evidence) -> Looked {
    let (mut servers, mut databases, mut kinds) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut rows = [0u64; COUNTED.len()];
    for item in evidence.outcomes() {
        if !item.parts.values().any(|outcome| came(&item.kind, outcome)) {
            continue;
        }
        for (n, (_, part, _)) in COUNTED.iter().enumerate().filter(|(_, (kind, ..))| *kind == item.kind) {
            rows[n] += item.parts.get(*part).map_or(0, |outcome| outcome.rows);
        }
        if crate::collect::registry::is_asked(&item.kind) {
            servers.insert(item.server.clone());
            databases.extend(item.database.map(|database| (item.server, database)));
        }
        kinds.insert(item.kind);
    }
    let counted = COUNTED.iter().zip(rows).map(|((.., noun), n)| of(n as usize, noun));
    let counts = std::iter::once(of(databases.len(), "database")).chain(counted).collect::<Vec<_>>();
    // Failures of collectors are seen whatever came.
    let about = RULES.iter().filter(|rule| rule.reads == "agent" || kinds.contains(rule.reads));
    Looked {
        servers: servers.into_iter().collect(),
        counts: counts.join(", "),
        about: about.map(|rule| rule.about).collect(),
    }
}

/// Of a log the first run takes the position alone.
fn came(kind: &str, outcome: &Outcome) -> bool {
    let position = kind == "pg_log" && outcome.reason == Some(Reason::FirstRun);
    matches!(outcome.verdict, Verdict::Ok | Verdict::Partial) && !position
}
