//! Plans of auto_explain: for each statement the slowest one, masked.
//!
//! A plan quotes its statement: conditions, keys, parameters. What is a figure or a name by its place stays; whatever else
//! is said goes through the masker. Where no statement's text may leave, no plan does.

mod json;
mod text;

use serde::Serialize;

use super::entry;
use super::figures::{Seen, queryid, shape};
use super::read::{after, number};
use super::times::written;
use crate::collect::schedule::seed;

/// Statements whose plans are told.
const MOST: usize = 20;
/// Of one plan; a longer one is not told.
const MOST_BYTES: usize = 50_000;

#[derive(Default)]
pub(super) struct Plans {
    rows: Vec<(u64, Plan)>,
}

#[derive(Serialize)]
pub(super) struct Plan {
    #[serde(skip_serializing_if = "Option::is_none")]
    queryid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    /// How often it was logged.
    count: u64,
    total_ms: f64,
    /// The plan's own.
    longest_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// `text`, `json`; of other forms the plan is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
}

/// A plan without values, and what else it said.
#[derive(Debug, Default, PartialEq)]
struct Masked {
    format: Option<&'static str>,
    plan: Option<String>,
    /// As it was written: not yet masked.
    statement: String,
    queryid: Option<String>,
}

impl Plans {
    pub(super) fn add(&mut self, seen: &Seen) {
        let message = &seen.entry.message;
        let Some(ms) = message.get(10..).and_then(number) else { return };
        let body = after(message, "plan:").unwrap_or_default();
        let id = queryid(seen.entry.query_id);
        let key = match &id {
            Some(id) => seed(&[id, &String::from_utf8_lossy(seen.entry.database)]),
            None => shape(body, seen.entry.database),
        };
        if let Some((_, row)) = self.rows.iter_mut().find(|(known, _)| *known == key) {
            row.count += 1;
            row.total_ms += ms;
            if ms > row.longest_ms {
                let (count, total_ms) = (row.count, row.total_ms);
                *row = Plan { count, total_ms, ..plan(seen, body, id, ms) };
            }
            return;
        }
        if self.rows.len() < MOST {
            return self.rows.push((key, plan(seen, body, id, ms)));
        }
        let quickest = self.rows.iter_mut().min_by(|a, b| a.1.longest_ms.total_cmp(&b.1.longest_ms));
        if let Some(quickest) = quickest.filter(|(_, row)| row.longest_ms < ms) {
            *quickest = (key, plan(seen, body, id, ms));
        }
    }

    /// The slowest first.
    pub(super) fn told(self) -> Vec<Plan> {
        let mut rows: Vec<Plan> = self.rows.into_iter().map(|(_, plan)| plan).collect();
        rows.sort_by(|a, b| b.longest_ms.total_cmp(&a.longest_ms));
        rows
    }
}

fn plan(seen: &Seen, body: &[u8], id: Option<String>, ms: f64) -> Plan {
    let Seen { entry, at_us, texts, .. } = seen;
    let masked = match texts.may_be_told() && body.len() <= MOST_BYTES {
        true => masked(entry::text(body).trim_start()),
        false => Masked::default(),
    };
    let name = |raw: &[u8]| (!raw.is_empty()).then(|| entry::text(raw));
    Plan {
        queryid: id.or(masked.queryid),
        text: texts.told(&masked.statement),
        user: name(entry.user),
        database: name(entry.database),
        count: 1,
        total_ms: ms,
        longest_ms: ms,
        at: at_us.map(written),
        format: masked.format,
        plan: masked.plan,
    }
}

fn masked(body: &str) -> Masked {
    match body.chars().next() {
        Some('{') => json::masked(body),
        Some('Q') if !body.starts_with("Query Text: \"") || body.contains("(cost=") => text::masked(body),
        _ => Masked::default(),
    }
}

#[cfg(test)]
mod tests;
