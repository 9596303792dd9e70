//! One database's item: its statements, and how much of what happened they show.

use std::collections::{HashMap, HashSet};
use std::io::Write;

use serde::Serialize;
use wire::Want;

use super::entry::Key;
use super::growth::{Growth, Standing};
use super::rank::Ranking;
use super::share::Share;
use super::texts::Answer;
use crate::collect::Cx;
use crate::collect::part::thousandths;
use crate::pg::rows;

/// A row of pass 2: its columns are encoded already.
pub(super) struct Read {
    pub(super) key: Key,
    pub(super) json: Box<[u8]>,
    /// What became of its text, if it was asked for.
    pub(super) answer: Option<Answer>,
}

pub(super) type ByKey = HashMap<Key, (Option<Growth>, Standing)>;

#[derive(Serialize)]
struct Stats {
    configured_limit: u64,
    queries_collected: u64,
    queries_total: u64,
    queries_unreadable: u64,
    sampling_percent: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    calls_covered_percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_covered_percent: Option<f64>,
    calls_total: i64,
    time_total_ms: f64,
    own_queries: u64,
    own_calls: i64,
    own_time_ms: f64,
    ranked_by: &'static str,
}

pub(super) fn growth(ranking: &Ranking) -> ByKey {
    ranking.chosen.iter().map(|c| (c.entry.key, (c.growth, c.standing))).collect()
}

/// `"queries":[...],"stats":{...}`, without braces around. `texts_gone` are the server's, and told once.
pub(super) fn fields(
    cx: &Cx,
    ranking: &Ranking,
    share: Option<&Share>,
    rows: Vec<Read>,
    growth: &ByKey,
    texts_gone: &[i64],
) -> Vec<u8> {
    let none = Share { configured_limit: u64::from(cx.config.limits.queries), ..Share::default() };
    let stats = stats(share.unwrap_or(&none), rows.len() as u64, ranking.first_run);
    // With room for what is said of each besides its columns: a database's rows are some hundred kilobytes.
    let mut json = Vec::with_capacity(rows.iter().map(|row| row.json.len() + 128).sum());
    json.extend_from_slice(br#""queries":["#);
    for (n, row) in rows.iter().enumerate() {
        if n > 0 {
            json.push(b',');
        }
        json.push(b'{');
        json.extend_from_slice(&row.json);
        if cx.config.privacy.query_text {
            text(row, &mut json);
        }
        if let Some((growth, standing)) = growth.get(&row.key) {
            grown(*growth, *standing, &mut json);
        }
        json.push(b'}');
    }
    json.extend_from_slice(br#"],"stats":"#);
    // Writing to a Vec cannot fail.
    let _ = serde_json::to_writer(&mut json, &stats);
    let gone: Vec<String> = texts_gone.iter().map(i64::to_string).collect();
    if !gone.is_empty() {
        json.extend_from_slice(br#","texts_gone":"#);
        let _ = serde_json::to_writer(&mut json, &gone);
    }
    json
}

fn text(row: &Read, json: &mut Vec<u8>) {
    match &row.answer {
        Some(Answer::Masked(masked)) => {
            json.extend_from_slice(br#","text":"#);
            rows::string(masked.text.as_bytes(), json);
            if masked.truncated {
                json.extend_from_slice(br#","text_truncated":true"#);
            }
        }
        Some(Answer::Lost) => json.extend_from_slice(br#","text_lost":true"#),
        Some(Answer::Own | Answer::Known | Answer::Waits) | None => {}
    }
}

fn grown(growth: Option<Growth>, standing: Standing, json: &mut Vec<u8>) {
    json.extend_from_slice(br#","standing":"#);
    let _ = serde_json::to_writer(&mut *json, &standing);
    let Some(growth) = growth else { return };
    let _ = write!(json, r#","growth_calls":{},"growth_time":"#, growth.calls);
    rows::float(growth.time_us as f64 / 1000.0, json);
    if let Ok(since) = jiff::Timestamp::from_microsecond(growth.since_us) {
        let _ = write!(json, r#","since":"{since}""#);
    }
}

fn stats(share: &Share, collected: u64, first_run: bool) -> Stats {
    let millis = |us: i64| thousandths(us as f64 / 1000.0);
    Stats {
        configured_limit: share.configured_limit,
        queries_collected: collected,
        queries_total: share.present.statements,
        queries_unreadable: share.unreadable,
        sampling_percent: percent(collected, share.present.statements),
        calls_covered_percent: share.calls_covered_percent().map(thousandths),
        time_covered_percent: share.time_covered_percent().map(thousandths),
        calls_total: share.present.calls,
        time_total_ms: millis(share.present.time_us),
        own_queries: share.own.statements,
        own_calls: share.own.calls,
        own_time_ms: millis(share.own.time_us),
        ranked_by: if first_run { "totals" } else { "growth" },
    }
}

/// Collected over present. Where there is nothing, nothing is missing.
pub(super) fn percent(collected: u64, present: u64) -> f64 {
    if present == 0 { 100.0 } else { thousandths(100.0 * collected as f64 / present as f64) }
}

/// Wants of this server that need not be remembered: their text is in this batch, or over for good.
pub(super) fn answered(cx: &Cx, read: &[Read], over: &[i64]) -> Vec<Want> {
    let shipped = read.iter().filter(|r| matches!(r.answer, Some(Answer::Masked(_) | Answer::Lost)));
    let ids: HashSet<i64> = shipped.map(|r| r.key.queryid).chain(over.iter().copied()).collect();
    let done = |want: &Want| {
        !cx.config.privacy.query_text || want.queryid.parse().map_or(true, |id: i64| ids.contains(&id))
    };
    cx.memory.wants.iter().filter(|want| is_for(cx, want) && done(want)).cloned().collect()
}

pub(super) fn is_for(cx: &Cx, want: &Want) -> bool {
    want.server == cx.server || want.server == cx.facts.system_identifier
}
