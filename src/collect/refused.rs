//! Parts that a server refuses when they are asked: a function that a managed server does not support or does not have,
//! or a right that pg_monitor gives elsewhere and not here. Remembered, so that no statement fails each minute. The
//! operator's own queries are asked each time: what they lack is being mended.

use wire::{Outcome, Reason, Verdict};

use super::schedule::seed;
use super::visit::Answer;
use super::{At, Need, Part, Run};
use crate::pg::probe::Facts;
use crate::state::ledger::Refused;

const UNSUPPORTED: &str = "0A000";
const FORBIDDEN: &str = "42501";
/// A column, a function, a relation that a statement cannot do without.
const LACKING: [&str; 3] = ["42703", "42883", "42P01"];

/// Some servers learn new functions without a new version.
const UNSUPPORTED_S: i64 = 86_400;
/// Grants change, and names may only have been gone for a moment.
pub const FORBIDDEN_S: i64 = 3600;

/// In the ledger, where the server is known.
pub fn key(collector: &str, part: &Part, database: &str) -> String {
    match part.at {
        At::Database => format!("{collector}.{}/{database}", part.key),
        At::Server => format!("{collector}.{}", part.key),
    }
}

/// What makes the list worth remembering: on another version, with other rights or another role all is asked anew.
pub fn learnt_with(version: &str, facts: &Facts) -> String {
    let rights =
        format!("{} {} {:?} {:?}", facts.role, facts.in_recovery, facts.may.roles, facts.may.objects);
    format!("{:016x}", seed(&[version, &rights]))
}

/// What the next runs should know of a part's answer.
pub fn of(answer: &Answer, now: i64) -> Option<Refused> {
    if matches!(answer.planned.part.run, Run::Custom(_)) {
        return None;
    }
    let outcomes = || answer.placed.iter().map(|p| &p.done.outcome);
    let first = outcomes().next().filter(|_| answer.ran)?;
    let whole = outcomes().all(|o| !matches!(o.verdict, Verdict::Ok | Verdict::Partial));
    let sqlstate = first.sqlstate.clone().filter(|_| whole)?;
    let until = now + lasts_s(&sqlstate)?;
    Some(Refused { sqlstate, why: first.detail.clone().unwrap_or_default(), until })
}

fn lasts_s(sqlstate: &str) -> Option<i64> {
    match sqlstate {
        UNSUPPORTED => Some(UNSUPPORTED_S),
        FORBIDDEN => Some(FORBIDDEN_S),
        lacking if LACKING.contains(&lacking) => Some(FORBIDDEN_S),
        _ => None,
    }
}

/// The outcome of a part that is not asked because it was refused before.
pub fn told(refused: &Refused, part: &Part, facts: &Facts, now: i64) -> Outcome {
    let minutes = (refused.until - now + 59) / 60;
    let Refused { sqlstate, why, .. } = refused;
    let detail = match sqlstate.as_str() {
        UNSUPPORTED => format!("{why}: asked again after an upgrade, or in {minutes} min"),
        _ => format!("{why}: asked again in {minutes} min, or at once with --force"),
    };
    let outcome = match sqlstate.as_str() {
        UNSUPPORTED => Outcome::skipped(Reason::NotApplicable),
        FORBIDDEN => Outcome::failed(Reason::Privilege),
        _ => Outcome::skipped(Reason::Version),
    };
    let outcome = Outcome { sqlstate: Some(sqlstate.clone()), ..outcome.detail(detail) };
    mildly(outcome, part, facts)
}

/// What a server keeps from a role that has pg_monitor is no alarm: nobody promised it. An extension's own schema,
/// and what the operator asks for, are for their owners to open.
pub fn mildly(outcome: Outcome, part: &Part, facts: &Facts) -> Outcome {
    let promised = part.needs.iter().any(|need| matches!(need, Need::Extension(_)))
        || matches!(part.run, Run::Custom(_));
    let forbidden = outcome.sqlstate.as_deref() == Some(FORBIDDEN) && outcome.verdict == Verdict::Failed;
    match forbidden && !promised && facts.may.roles.contains("pg_monitor") {
        true => Outcome { verdict: Verdict::Skipped, ..outcome },
        false => outcome,
    }
}
