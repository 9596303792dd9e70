//! Replication slots that keep WAL for nobody, or have lost what they kept.

use super::*;
use crate::findings::words::{GB, MB, bytes, moment};
use crate::quote::literal;

/// Retained for a slot that nobody uses. Sixteen segments: a standby that restarts is back before.
const UNUSED: Grades = Grades { notice: NEVER, warning: 256.0 * MB, critical: 64.0 * GB };
/// The same for one in use: it catches up, or it is no use.
const USED: Grades = Grades { notice: NEVER, warning: 4.0 * GB, critical: 64.0 * GB };

pub(in crate::findings) const RULE: Rule =
    Rule { about: "replication slots that retain WAL, or lost it", reads: "pg_replication", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_replication") {
        for slot in item.rows("replication_slots") {
            // On a standby nobody uses a copy of the primary's slot.
            if slot.yes("synced") != Some(true) {
                found.extend(lost(&item, slot).or_else(|| retained(&item, slot)));
            }
        }
    }
}

fn place(item: &Item, slot: Row) -> Place {
    item.within(slot.text("database"), slot.text("slot_name").map(str::to_owned))
}

fn drop_it(slot: Row) -> Vec<Step> {
    let name = slot.text("slot_name").map(literal);
    name.map(|name| sql(format!("select pg_catalog.pg_drop_replication_slot({name})"))).unwrap_or_default()
}

fn lost(item: &Item, slot: Row) -> Option<Finding> {
    let lost = slot.text("wal_status") == Some("lost");
    let why = slot.text("invalidation_reason").or(lost.then_some("wal_removed"))?;
    Some(Finding {
        severity: Severity::Critical,
        what: "Replication slot is lost",
        place: place(item, slot),
        figure: format!("invalidated: {}", why.replace('_', " ")),
        size: 0.0,
        why: "Who reads from it can not go on, and has to be set up anew.",
        next: drop_it(slot),
    })
}

fn retained(item: &Item, slot: Row) -> Option<Finding> {
    let active = slot.yes("active")?;
    let kept = slot.number("bytes_retained").unwrap_or(0.0);
    let grades = if active { &USED } else { &UNUSED };
    // The next checkpoint may remove what it needs.
    let about_to = (slot.text("wal_status") == Some("unreserved")).then_some(Severity::Critical);
    let severity = grades.of(kept).max(about_to)?;
    let since = slot.time("inactive_since").filter(|_| !active).map(|at| format!(" since {}", moment(at)));
    let state = if active { "in use" } else { "unused" };
    let limit =
        slot.number("safe_wal_size").map(|left| format!(", lost after {} more", bytes(left.max(0.0))));
    let what = if active { "Replication slot is far behind" } else { "Unused replication slot retains WAL" };
    Some(Finding {
        severity,
        what,
        place: place(item, slot),
        figure: format!(
            "{} of WAL, {state}{}{}",
            bytes(kept),
            since.unwrap_or_default(),
            limit.unwrap_or_default()
        ),
        size: kept,
        why: "WAL that a slot waits for is never removed: the disk fills, or the slot is lost.",
        next: match active {
            true => advice("see why its reader is slow; WAL it has not confirmed stays"),
            false => {
                let mut next = advice("start its reader again, or if that is gone for good:");
                next.extend(drop_it(slot));
                next
            }
        },
    })
}
