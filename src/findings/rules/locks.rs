//! Sessions that make others wait.

use super::*;
use crate::findings::words::{MINUTE_MS, SECOND_MS, lasting, of};

/// How long the one that waits longest has waited. Nobody notices less than ten seconds; pools of applications run empty
/// within minutes.
const WAITS: Grades = Grades { notice: NEVER, warning: 10.0 * SECOND_MS, critical: 5.0 * MINUTE_MS };

pub(in crate::findings) const RULE: Rule = Rule { about: "blocking locks", reads: "pg_locks", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_locks") {
        let roots = item.rows("blocking_queries").filter(|row| row.yes("root") == Some(true));
        found.extend(roots.filter_map(|root| judge(&item, root)));
    }
}

fn judge(item: &Item, root: Row) -> Option<Finding> {
    let pid = root.number("pid")?;
    let behind = || item.rows("lock_wait_chains").filter(move |chain| chain.number("root_pid") == Some(pid));
    // Up to 13 the server does not tell since when; the statement that waits can not have waited longer.
    let waited = |chain: Row| chain.number("wait_ms").or(chain.number("query_ms"));
    let longest = behind().filter_map(waited).fold(0.0, f64::max);
    let severity = WAITS.of(longest)?;
    let on = behind().find_map(|chain| chain.text("relation").map(|name| format!(" for {name}")));
    let who = [root.text("user"), root.text("application")];
    let who = who.into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ");
    let state = root.text("state").unwrap_or("unknown");
    Some(Finding {
        severity,
        what: "Session blocks others",
        place: item.within(root.text("database"), Some(format!("pid {pid} ({who}; {state})"))),
        figure: format!(
            "{} waiting{}, the longest {}",
            of(root.number("blocked")? as usize, "session"),
            on.unwrap_or_default(),
            lasting(longest)
        ),
        size: longest,
        why: "Nothing behind it moves until its transaction ends.",
        next: match pid {
            // A prepared transaction has no session.
            0.0 => sql("select gid, prepared, owner from pg_catalog.pg_prepared_xacts order by prepared"),
            _ => sql(format!("select pg_catalog.pg_terminate_backend({pid})")),
        },
    })
}
