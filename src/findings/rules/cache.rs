//! Databases that read much from disk, or from the operating system's cache.

use super::*;
use crate::findings::words::{bytes, percent};

/// Percent of blocks found in shared buffers. Below, more than every tenth block is asked of the system.
const HIT: f64 = 90.0;
/// Blocks of 8 kB that were read: 8 GB. Whoever reads less has hardly begun.
const READ: f64 = 1_048_576.0;

pub(in crate::findings) const RULE: Rule = Rule { about: "cache hits", reads: "pg_stats", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_stats") {
        let row = item.row();
        let watched = evidence.history.grown(&item.source, item.database.as_deref());
        let (hit, read) = match watched {
            Some(grown) => (Some(grown.blocks_hit), Some(grown.blocks_read)),
            None => (row.number("blocks_hit"), row.number("blocks_read")),
        };
        let (Some(hit), Some(read)) = (hit, read) else { continue };
        let share = 100.0 * hit / (hit + read).max(1.0);
        if read < READ || share >= HIT {
            continue;
        }
        let span = if watched.is_some() { "between the batches" } else { "since statistics were reset" };
        found.push(Finding {
            severity: Severity::Notice,
            what: "Few blocks are found in shared buffers",
            place: item.place(),
            figure: format!("{} found, {} read {span}", percent(share), bytes(read * 8192.0)),
            size: read,
            why: "Reads that a larger shared_buffers, or an index, would save.",
            next: advice(
                "see which statements read most (shared_blks_read), then shared_buffers against the memory",
            ),
        });
    }
}
