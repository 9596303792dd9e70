//! Transactions that are open for long, those that do nothing meanwhile above all.

use super::*;
use crate::findings::words::{HOUR_MS, MINUTE_MS, lasting};

/// Vacuum cleans nothing that came after such a transaction began. Reports run for minutes; hours are an accident.
const OPEN: Grades = Grades { notice: 15.0 * MINUTE_MS, warning: 2.0 * HOUR_MS, critical: 24.0 * HOUR_MS };
/// Nobody needs one that is idle: it was forgotten.
const IDLE: Grades = Grades { notice: NEVER, warning: 5.0 * MINUTE_MS, critical: 24.0 * HOUR_MS };

pub(in crate::findings) const RULE: Rule = Rule { about: "long transactions", reads: "pg_connections", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_connections") {
        let is_idle = |row: &Row| row.text("state").is_some_and(|state| state.starts_with("idle in "));
        found.extend(item.rows("idle_transactions").filter_map(|row| judge(&item, row, true)));
        let open = item.rows("long_running_transactions").filter(|row| !is_idle(row));
        found.extend(open.filter(is_a_clients).filter_map(|row| judge(&item, row, false)));
    }
}

/// Vacuums and walsenders take the time that they take.
fn is_a_clients(row: &Row) -> bool {
    row.text("backend_type").is_none_or(|kind| kind == "client backend")
}

fn judge(item: &Item, row: Row, idle: bool) -> Option<Finding> {
    // A failed one has no beginning any more.
    let open = row.number("duration_ms").or(row.number("state_ms"))?;
    let state = row.number("state_ms").unwrap_or(0.0);
    let severity = if idle { IDLE.of(state)? } else { OPEN.of(open)? };
    let pid = row.number("pid")?;
    let who = [row.text("user"), row.text("application"), row.text("client_addr")];
    let who = who.into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ");
    let doing = match row.text("query") {
        Some(query) if idle => format!("; last: {query}"),
        Some(query) => format!(": {query}"),
        None => String::new(),
    };
    let figure = match idle {
        true => format!("open for {}, idle for {}", lasting(open), lasting(state)),
        false => format!("open for {}", lasting(open)),
    };
    Some(Finding {
        severity,
        what: if idle { "Transaction left open, idle" } else { "Long transaction" },
        place: item.within(row.text("database"), Some(format!("pid {pid} ({who}){doing}"))),
        figure,
        size: open,
        why: "Vacuum removes no row that was deleted since it began, in no table; its locks stay.",
        next: sql(format!("select pg_catalog.pg_terminate_backend({pid})")),
    })
}
