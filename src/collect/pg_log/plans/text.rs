//! A plan as people read it.

use super::Masked;
use crate::collect::mask::mask;

/// Lines whose values are figures.
const FIGURES: &[&str] = &[
    "Actual Rows",
    "Batches",
    "Buckets",
    "Buffers",
    "Cache Mode",
    "Evictions",
    "Execution Time",
    "Full-sort Groups",
    "Heap Blocks",
    "Heap Fetches",
    "Hits",
    "I/O Timings",
    "Index Searches",
    "Memory Usage",
    "Misses",
    "Original Hash Batches",
    "Peak Memory Usage",
    "Planned Partitions",
    "Planning Time",
    "Pre-sorted Groups",
    "Rows Removed by Conflict Filter",
    "Rows Removed by Filter",
    "Rows Removed by Index Recheck",
    "Rows Removed by Join Filter",
    "Single Copy",
    "Sort Method",
    "Storage",
    "Subplans Removed",
    "WAL",
    "Window",
    "Workers Launched",
    "Workers Planned",
];

pub(super) fn masked(body: &str) -> Masked {
    let lines: Vec<&str> = body.lines().collect();
    // A statement may have lines of its own that look like a plan's: the root is the last line at the margin that does.
    let root = lines.iter().rposition(|line| !line.starts_with(' ') && is_node(line));
    let Some(root) = root else { return Masked::default() };
    let statement = lines[..root].join("\n");
    let statement = statement.strip_prefix("Query Text: ").unwrap_or(&statement);
    let statement = statement.split("\nQuery Parameters: ").next().unwrap_or_default();
    let mut masked = Masked { format: Some("text"), statement: statement.to_owned(), ..Masked::default() };
    let mut plan = String::new();
    for line in &lines[root..] {
        if let Some(id) = line.trim().strip_prefix("Query Identifier: ") {
            masked.queryid = Some(id.to_owned()).filter(|id| id.parse::<i64>().is_ok());
            continue;
        }
        plan += &told(line);
        plan.push('\n');
    }
    plan.pop();
    masked.plan = Some(plan);
    masked
}

/// `->  Seq Scan on t  (cost=0.00..1.05 rows=1 width=4) (actual time=0.010..0.011 rows=1 loops=1)`
fn is_node(line: &str) -> bool {
    let Some((node, figures)) = line.split_once("  (cost=") else { return false };
    let names = |c: char| c.is_alphanumeric() || " _.\"$->*,()".contains(c);
    let counted = |c: char| c.is_ascii_alphanumeric() || " .=()".contains(c);
    node.chars().all(names) && figures.chars().all(counted)
}

fn told(line: &str) -> String {
    let indent = &line[..line.len() - line.trim_start().len()];
    let rest = line.trim_start();
    if is_node(line)
        || rest.starts_with("InitPlan ")
        || rest.starts_with("SubPlan ")
        || rest.starts_with("CTE ")
    {
        let plain = |c: char| c.is_alphanumeric() || " _.\"$->*,()=".contains(c);
        return if line.chars().all(plain) { line.to_owned() } else { format!("{indent}***") };
    }
    match rest.split_once(": ") {
        Some((key, value)) if FIGURES.contains(&key) && is_figures(value) => line.to_owned(),
        Some((key, value)) if is_key(key) => {
            format!("{indent}{key}: {}", mask(value, super::MOST_BYTES).text)
        }
        _ => format!("{indent}{}", mask(rest, super::MOST_BYTES).text),
    }
}

fn is_figures(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || " .,=:/%()-".contains(c))
}

fn is_key(key: &str) -> bool {
    key.len() < 60 && key.chars().all(|c| c.is_ascii_alphabetic() || " /-".contains(c))
}
