//! Statements that take the greatest share of all time that statements take.

use super::*;
use crate::findings::statements::{Id, Statement, Time};
use crate::findings::words::{MINUTE_MS, SECOND_MS, lasting, of, percent};

/// Percent of all time.
const SHARE: f64 = 20.0;
/// In all at least: on an idle server every statement has a great share of nothing.
const LEAST_MS: f64 = 10.0 * SECOND_MS;
/// Sessions that it keeps busy, on average: below, nobody feels it; half the time and a whole session, everybody does.
const BUSY: f64 = 0.02;
const VERY_BUSY: f64 = 1.0;
/// Below, a single call is a session at all times.
const LASTING_MS: f64 = 10.0 * MINUTE_MS;

pub(in crate::findings) const RULE: Rule = Rule { about: "hot statements", reads: "pg_query_stats", find };

/// One judgement: a time out of all time, and the span it fell into where that is known.
struct Share {
    of: Time,
    all_ms: f64,
    span_ms: Option<f64>,
}

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for (id, statement) in &evidence.statements.each {
        let share = share(evidence, id, statement);
        found.extend(judge(evidence, id, &share));
    }
}

/// Growth over all batches; of a single one what the server has counted.
fn share(evidence: &Evidence, id: &Id, statement: &Statement) -> Share {
    let each = statement.total.ms / statement.total.calls.max(1.0);
    let all = evidence.statements.of.get(&id.source).copied().unwrap_or_default();
    match all.span_ms() {
        Some(span) => Share { of: statement.grown, all_ms: all.grown_ms, span_ms: Some(span) },
        None => Share {
            of: statement.total,
            all_ms: evidence.statements.total_ms(&id.source),
            // Some entries begin when their first call ends.
            span_ms: statement.since.and_then(|at| before_now(evidence, at)).map(|span| span.max(each)),
        },
    }
}

fn judge(evidence: &Evidence, id: &Id, share: &Share) -> Option<Finding> {
    let percent_of_all = 100.0 * share.of.ms / share.all_ms.max(share.of.ms).max(1.0);
    let busy = share.span_ms.map(|span| share.of.ms / span.max(1.0));
    if share.of.ms < LEAST_MS || percent_of_all < SHARE || busy.is_some_and(|busy| busy < BUSY) {
        return None;
    }
    let very = percent_of_all >= 50.0
        && busy.is_some_and(|busy| busy >= VERY_BUSY)
        && share.span_ms >= Some(LASTING_MS);
    let span =
        share.span_ms.map_or("since statistics were reset".to_owned(), |ms| format!("in {}", lasting(ms)));
    let text = evidence.statements.text(&id.hash).unwrap_or("(its text came earlier, or is hidden)");
    let user = id.user.as_ref().map(|user| format!(" of {user}")).unwrap_or_default();
    Some(Finding {
        severity: if very { Severity::Warning } else { Severity::Notice },
        what: "Hot statement",
        place: Place {
            server: evidence.label(&id.source),
            database: id.database.clone(),
            object: Some(format!("{}{user}: {text}", id.hash)),
        },
        figure: format!(
            "{} of all statements' time: {} {span}, {}, {:.1} ms each",
            percent(percent_of_all),
            lasting(share.of.ms),
            of(share.of.calls as usize, "call"),
            share.of.ms / share.of.calls.max(1.0)
        ),
        size: share.of.ms,
        why: "What it gains, the whole server gains.",
        next: advice(
            "explain (analyze, buffers) it with its real values; look for a missing index or too many calls",
        ),
    })
}
