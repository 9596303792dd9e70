//! The short table for whoever sits at the terminal.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};

use comfy_table::{Table, presets};
use wire::Verdict;

use super::Report;

pub(super) fn show(report: &Report) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        let _ = writeln!(stderr, "{}", text(report));
    }
}

fn text(report: &Report) -> String {
    let mut by_collector: BTreeMap<&str, (Verdict, u64, u64, f64)> = BTreeMap::new();
    for told in &report.collected.board.told {
        let row = by_collector.entry(told.place.key.collector).or_insert((Verdict::Ok, 0, 0, 0.0));
        row.0 = row.0.max(told.outcome.verdict);
        row.1 += 1;
        row.2 += told.outcome.rows;
        row.3 += told.outcome.took_ms;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["collector", "outcome", "parts", "rows", "ms"]);
    for (collector, (verdict, parts, rows, ms)) in by_collector {
        table.add_row([
            collector.to_owned(),
            format!("{verdict:?}").to_lowercase(),
            parts.to_string(),
            rows.to_string(),
            format!("{ms:.1}"),
        ]);
    }
    let sent = report.drained.as_ref().map_or(0, |d| d.sent);
    format!(
        "{table}\n{} items in {} ms, {} bytes, {sent} batches delivered, {} waiting",
        report.sealed.items,
        report.cycle.as_millis(),
        report.sealed.bytes.len(),
        report.waiting.batches
    )
}
