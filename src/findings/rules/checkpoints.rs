//! Checkpoints that WAL forces instead of the clock.

use super::*;
use crate::findings::words::{DAY_MS, MINUTE_MS, count, lasting, percent};

/// Forced ones: fewer are an import, or somebody's hand.
const LEAST: f64 = 10.0;
/// Of all checkpoints.
const SHARE: f64 = 50.0;
/// One in this time: checkpoint_timeout as it comes. Seldom ones spread their writes well enough.
const EACH_MS: f64 = 5.0 * MINUTE_MS;

pub(in crate::findings) const RULE: Rule = Rule { about: "forced checkpoints", reads: "pg_bgwriter", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_bgwriter") {
        found.extend(judge(evidence, &item));
    }
}

fn judge(evidence: &Evidence, item: &Item) -> Option<Finding> {
    let row = item.row();
    let reset = row.time("checkpointer_stats_reset");
    let total = row.number("checkpoints_requested");
    let forced = per_day(evidence, item, (total, reset), |g| g.checkpoints_requested)?;
    let timed = per_day(evidence, item, (row.number("checkpoints_timed"), reset), |g| g.checkpoints_timed)?;
    let share = 100.0 * forced.count / (forced.count + timed.count).max(1.0);
    let each = DAY_MS / forced.per_day().max(1e-9);
    if forced.count < LEAST || share < SHARE || each > EACH_MS {
        return None;
    }
    Some(Finding {
        severity: Severity::Notice,
        what: "Checkpoints are forced by WAL",
        place: item.place(),
        figure: format!(
            "{} in {}: {} of all, one each {}",
            count(forced.count),
            lasting(forced.span_ms),
            percent(share),
            lasting(each)
        ),
        size: forced.per_day(),
        why: "Each makes all pages be written whole again: more WAL, and bursts of writes.",
        next: vec![
            Step::Do("twice to four times its value, as far as pg_wal has room:".to_owned()),
            Step::Sql("show max_wal_size".to_owned()),
        ],
    })
}
