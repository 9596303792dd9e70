//! What a run that was killed has left: its batch is sealed, and the ledger does not know.
//!
//! Entries of a log are told once: where reading stopped travels in the item itself, so that a sealed batch and the
//! position it ends at are one file. A batch leaves the spool only after the ledger was written; so a batch that the
//! ledger does not know is still there to be asked. A kill leaves one; a ledger that was lost leaves all that wait, and of
//! those only the newest are asked, as a run has no time to read a week.

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::batch::inflate;
use crate::collect::pg_log::PG_LOG;
use crate::spool::Entry;
use crate::state;
use crate::state::ledger::{Ledger, RawJson};

/// At a run a minute and a log every five, more than enough.
const NEWEST: usize = 32;

/// What of an item is looked at.
#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    server: String,
    #[serde(default)]
    position: Option<Box<RawJson>>,
}

/// `spooled` is sorted, the oldest first.
pub(super) fn log_positions(ledger: &mut Ledger, spooled: &[Entry]) {
    let known = spooled.partition_point(|entry| entry.sequence <= ledger.sequence);
    let newest = known.max(spooled.len().saturating_sub(NEWEST));
    for entry in &spooled[newest..] {
        match items(entry) {
            Ok(items) => {
                for Item { server, position, .. } in items.into_iter().filter(|item| item.kind == PG_LOG.name)
                {
                    if position.is_some() {
                        ledger.servers.entry(server).or_default().log_position = position;
                    }
                }
            }
            Err(e) => log::warn!("Spool buffer: {e:#}; entries of logs may be told twice"),
        }
    }
}

fn items(entry: &Entry) -> Result<Vec<Item>> {
    let read = || {
        let batch: wire::Batch = serde_json::from_slice(&inflate(&state::read(&entry.path)?)?)?;
        anyhow::Ok(batch.metrics.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect())
    };
    read().with_context(|| format!("reading {}", entry.path.display()))
}
