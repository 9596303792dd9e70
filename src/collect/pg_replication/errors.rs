//! `collection_errors`: the parts of the server's item that were to be read in this run and were not, as a list. The same
//! is told in `parts`; older readers look here. What a version or a standby has nothing of is no error.

use serde::Serialize;
use wire::{Outcome, Reason, Verdict};

use super::{PARTS, PG_REPLICATION};
use crate::collect::part::{Done, Fragment};
use crate::collect::plan::obstacle;
use crate::collect::{At, Cx};

pub(super) const KEY: &str = "collection_errors";

#[derive(Serialize)]
struct Row<'a> {
    part: &'a str,
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqlstate: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

/// What was planned not to be asked, then what was asked in vain.
pub(super) fn tell(cx: &Cx) -> Done {
    let of_server = || PARTS.iter().filter(|part| part.at == At::Server);
    let unasked: Vec<(&str, Outcome)> =
        of_server().filter_map(|part| Some((part.key, obstacle(part, cx.facts, false)?))).collect();
    let asked = cx.ended.iter().filter(|e| e.collector == PG_REPLICATION.name);
    let asked = asked.filter(|e| of_server().any(|part| part.key == e.part)).map(|e| (e.part, &e.outcome));
    let all = unasked.iter().map(|(part, outcome)| (*part, outcome)).chain(asked);
    let rows: Vec<Row> = all.filter(|(_, outcome)| is_error(outcome)).map(row).collect();
    Done::ok(KEY, Fragment::value(&rows), rows.len() as u64)
}

fn is_error(outcome: &Outcome) -> bool {
    match outcome.verdict {
        Verdict::Ok | Verdict::Partial => false,
        Verdict::Skipped => !matches!(outcome.reason, Some(Reason::Version | Reason::NotApplicable)),
        Verdict::Failed => true,
    }
}

fn row<'a>((part, outcome): (&'a str, &'a Outcome)) -> Row<'a> {
    let Outcome { reason, sqlstate, detail, .. } = outcome;
    Row { part, reason: *reason, sqlstate: sqlstate.as_deref(), detail: detail.as_deref() }
}
