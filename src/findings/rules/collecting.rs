//! What the collector itself could not do: what is not seen is not well.

use std::collections::BTreeMap;

use wire::{Outcome, Reason, Verdict};

use super::*;
use crate::findings::unseen::why;
use crate::findings::words::of;

pub(in crate::findings) const RULE: Rule = Rule { about: "failing collectors", reads: "agent", find };

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    Server,
    Database,
    Part,
}

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    let mut troubles: BTreeMap<(Trouble, Place), (String, Vec<String>)> = BTreeMap::new();
    for told in evidence.outcomes() {
        for (part, outcome) in &told.parts {
            let Some(trouble) = trouble(outcome) else { continue };
            let database = told.database.clone().filter(|_| trouble == Trouble::Database);
            let object = (trouble == Trouble::Part).then(|| format!("{}.{part}", told.kind));
            let place = Place { server: told.server.clone(), database, object };
            // One cause speaks once, wherever it shows.
            let (_, databases) =
                troubles.entry((trouble, place)).or_insert_with(|| (why(outcome), Vec::new()));
            databases.extend(told.database.clone());
        }
    }
    for ((trouble, place), (why, databases)) in troubles {
        found.push(judge(trouble, place, &why, databases));
    }
}

fn trouble(outcome: &Outcome) -> Option<Trouble> {
    match (outcome.verdict, outcome.reason) {
        (Verdict::Ok | Verdict::Partial, _) => None,
        (_, Some(Reason::ServerRefused)) => Some(Trouble::Server),
        (_, Some(Reason::DatabaseRefused)) => Some(Trouble::Database),
        (Verdict::Failed, _) | (_, Some(Reason::OutOfTime | Reason::Lock)) => Some(Trouble::Part),
        (Verdict::Skipped, _) => None,
    }
}

fn judge(trouble: Trouble, place: Place, why: &str, mut databases: Vec<String>) -> Finding {
    databases.sort();
    databases.dedup();
    let many = match (trouble, databases.len()) {
        (Trouble::Part, n) if n > 1 => format!(" (in {})", of(n, "database")),
        _ => String::new(),
    };
    let (severity, what) = match trouble {
        Trouble::Server => (Severity::Critical, "Server cannot be asked"),
        Trouble::Database => (Severity::Warning, "Database cannot be asked"),
        Trouble::Part => (Severity::Warning, "Collector fails"),
    };
    Finding {
        severity,
        what,
        place,
        figure: format!("{why}{many}"),
        size: databases.len() as f64,
        why: "What could not be looked at may be anything: nothing below speaks of it.",
        next: advice("pganalytics check says what is missing, with the SQL that mends it"),
    }
}
