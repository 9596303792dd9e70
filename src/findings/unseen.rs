//! What could not be looked at, and why: nothing found is never said of it.

use std::collections::{BTreeMap, BTreeSet};

use wire::{Outcome, Reason, Verdict};

use super::evidence::{Evidence, Told};
use super::rules::unused_indexes;
use super::words::count;
use super::{Place, RULES};

/// Something that nobody looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unseen {
    pub server: String,
    pub what: String,
    pub why: String,
}

/// Parts that tell a bounded choice, the largest or busiest first. Not statements: what takes much of all time is among those
/// that are told, however few.
const BOUNDED: [(&str, &str, &str); 4] = [
    ("pg_stats", "tables", "tables"),
    ("pg_stats", "indexes", "indexes"),
    ("pg_bloat", "table_bloat", "tables"),
    ("pg_bloat", "index_bloat", "indexes"),
];

pub fn unseen(evidence: &Evidence) -> Vec<Unseen> {
    let mut gaps: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    let mut told = Vec::new();
    for item in evidence.outcomes().filter(|item| RULES.iter().any(|rule| rule.reads == item.kind)) {
        for (part, outcome) in &item.parts {
            if hides(&item.kind, outcome) {
                let of = item.database.as_ref().map(|d| format!(" of {d}")).unwrap_or_default();
                let key = (item.server.clone(), why(outcome));
                gaps.entry(key).or_default().insert(format!("{}{of}", item.kind));
            }
            told.extend(bounded(&item, part, outcome));
        }
    }
    let mut all: Vec<Unseen> =
        gaps.into_iter().map(|((server, why), what)| Unseen { server, what: listed(&what), why }).collect();
    all.extend(told);
    all.extend(absent(evidence));
    all.extend(unused_indexes::too_early(evidence).into_iter().map(|(place, why)| Unseen {
        what: format!("unused indexes{}", of_database(&place)),
        server: place.server,
        why,
    }));
    all.sort();
    all
}

fn of_database(place: &Place) -> String {
    place.database.as_ref().map(|d| format!(" of {d}")).unwrap_or_default()
}

/// Beyond a few, names are not read any more.
fn listed(names: &BTreeSet<String>) -> String {
    const TOLD: usize = 6;
    let first = names.iter().take(TOLD).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(TOLD) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// What a version or a standby does not have nobody misses, and what a first run lacks are rates. A log is always missed.
fn hides(kind: &str, outcome: &Outcome) -> bool {
    use Reason::{DatabaseDropped, FirstRun, NotApplicable, Version};
    let told = outcome.verdict == Verdict::Ok && outcome.detail.is_some();
    let natural = matches!(outcome.reason, Some(FirstRun | Version | NotApplicable | DatabaseDropped));
    (told || outcome.verdict != Verdict::Ok) && !(natural && kind != "pg_log")
}

pub(super) fn why(outcome: &Outcome) -> String {
    let reason = outcome.reason.and_then(|reason| serde_json::to_value(reason).ok());
    let reason = reason.as_ref().and_then(|value| value.as_str()).map(|word| word.replace('_', " "));
    match (reason, &outcome.detail) {
        (Some(reason), Some(detail)) => format!("{reason}: {detail}"),
        (Some(_), None) if !outcome.locked.is_empty() => {
            format!("held under an exclusive lock: {}", outcome.locked.join(", "))
        }
        (Some(reason), None) => reason,
        (None, Some(detail)) => detail.clone(),
        (None, None) => "no reason was given".to_owned(),
    }
}

fn bounded(item: &Told, part: &str, outcome: &Outcome) -> Option<Unseen> {
    let (.., noun) = BOUNDED.iter().find(|(kind, of, _)| *kind == item.kind && *of == part)?;
    let total = outcome.total.filter(|total| *total > outcome.rows)?;
    let of = item.database.as_ref().map(|d| format!(" of {d}")).unwrap_or_default();
    Some(Unseen {
        server: item.server.clone(),
        what: format!("{}{of}", item.kind),
        why: format!(
            "{} of {} {noun} are told, the largest or busiest",
            count(outcome.rows as f64),
            count(total as f64)
        ),
    })
}

/// Kinds of items that a rule reads and no batch holds.
fn absent(evidence: &Evidence) -> Vec<Unseen> {
    let kinds: BTreeSet<&str> =
        RULES.iter().map(|rule| rule.reads).filter(|kind| !evidence.has(kind)).collect();
    let line = |kind: &&str| Unseen {
        server: String::new(),
        what: (*kind).to_owned(),
        why: "no batch looked at holds it: it is switched off, or was not due".to_owned(),
    };
    kinds.iter().map(line).collect()
}
