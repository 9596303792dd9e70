//! A batch that is too large for its target, made two: each half of the items, byte for byte, under ids that follow from
//! the batch's own. Pure but for [`into_spool`].
//!
//! Crash argument: both halves are in the spool before the original leaves it, and neither is sent before that. So an
//! original that lies beside a part of itself is a split that was cut short: it is done again, and as ids and bytes
//! follow from the original, that makes the same two files.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::value::RawValue;
use wire::{Batch, Verdict};

use crate::batch::{self, Sealed, inflate};
use crate::spool::{Entry, Spool};

/// `None`: nothing is left to split.
pub(super) fn halves(sealed: &[u8]) -> Result<Option<[Sealed; 2]>> {
    let text = inflate(sealed)?;
    let whole: Batch = serde_json::from_slice(&text).context("reading a batch to split it")?;
    if whole.metrics.len() < 2 {
        return Ok(None);
    }
    let (front, back) = whole.metrics.split_at(whole.metrics.len().div_ceil(2));
    Ok(Some([part(&whole, 1, front)?, part(&whole, 2, back)?]))
}

/// Puts the halves in the place of the original.
pub(super) fn into_spool(spool: &Spool, original: &Entry, halves: &[Sealed; 2]) -> Result<Vec<Entry>> {
    let parts: Result<Vec<Entry>> =
        halves.iter().map(|half| spool.put(half.head.sequence, &half.head.batch_id, &half.bytes)).collect();
    let parts = parts.with_context(|| format!("splitting batch {}", original.batch_id))?;
    spool.remove(original)?;
    Ok(parts)
}

/// All that `id` may have been made from by splitting.
pub(super) fn wholes(id: &str) -> impl Iterator<Item = &str> {
    id.match_indices('.').map(|(at, _)| &id[..at])
}

/// Whether `id` was made from `whole` by splitting.
pub(super) fn is_part(id: &str, whole: &str) -> bool {
    id.strip_prefix(whole).is_some_and(|rest| rest.starts_with('.'))
}

fn part(whole: &Batch, number: u8, items: &[Box<RawValue>]) -> Result<Sealed> {
    let mut head = whole.head();
    head.batch_id = format!("{}.{number}", whole.batch_id);
    head.part_of = Some(whole.batch_id.clone());
    let mut half = batch::Batch::open(head)?;
    for item in items {
        half.item(item.get().as_bytes())?;
        verdicts(item).into_iter().for_each(|verdict| half.count(verdict));
    }
    half.seal()
}

/// What the item's parts add to the batch's counts.
fn verdicts(item: &RawValue) -> Vec<Verdict> {
    #[derive(Deserialize)]
    struct Item {
        parts: BTreeMap<String, Part>,
    }
    #[derive(Deserialize)]
    struct Part {
        outcome: Verdict,
    }
    let item = serde_json::from_str::<Item>(item.get());
    item.map(|i| i.parts.into_values().map(|p| p.outcome).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
