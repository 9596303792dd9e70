//! The textfile for node_exporter: counters kept in the ledger, and the gauges of this run.

use super::Report;
use crate::state::ledger::Ledger;
use crate::state::{Durability, write_atomic};

pub(super) fn write(report: &Report, ledger: &Ledger) {
    let Some(path) = &report.config.textfile else { return };
    if let Err(e) = write_atomic(path, text(report, ledger).as_bytes(), 0o644, Durability::Renamed) {
        log::warn!("writing the textfile {}: {e}", path.display());
    }
}

fn text(report: &Report, ledger: &Ledger) -> String {
    let totals = &ledger.totals;
    let rows: [(&str, &str, &str, String); 13] = [
        (
            "pganalytics_collection_cycle_ms",
            "counter",
            "Milliseconds spent in cycles",
            totals.cycle_ms.to_string(),
        ),
        (
            "pganalytics_connection_pool_acquisitions",
            "counter",
            "Parts that took a connection",
            totals.acquisitions.to_string(),
        ),
        (
            "pganalytics_connection_pool_reuses",
            "counter",
            "Parts that found their connection open",
            totals.reuses.to_string(),
        ),
        (
            "pganalytics_collector_cpu_seconds_total",
            "counter",
            "Processor time of the collector",
            totals.cpu_seconds.to_string(),
        ),
        ("pganalytics_collections_total", "counter", "Parts that were asked for", totals.parts.to_string()),
        (
            "pganalytics_collection_failures_total",
            "counter",
            "Parts that failed",
            totals.failed_parts.to_string(),
        ),
        (
            "pganalytics_peak_rss_bytes",
            "gauge",
            "Peak memory of the last cycle",
            totals.peak_rss_bytes.to_string(),
        ),
        (
            "pganalytics_last_run_timestamp_seconds",
            "gauge",
            "Start of the last cycle",
            report.at.as_second().to_string(),
        ),
        (
            "pganalytics_last_push_timestamp_seconds",
            "gauge",
            "Last acknowledged push",
            ledger.pushed_at.unwrap_or(0).to_string(),
        ),
        ("pganalytics_spool_batches", "gauge", "Batches that wait", report.waiting.batches.to_string()),
        ("pganalytics_spool_bytes", "gauge", "Bytes that wait", report.waiting.bytes.to_string()),
        (
            "pganalytics_spool_limit_bytes",
            "gauge",
            "Bytes that the spool may hold",
            report.config.spool.max_bytes.to_string(),
        ),
        (
            "pganalytics_failed_parts",
            "gauge",
            "Parts that failed in the last cycle",
            report.sealed.outcomes.failed.to_string(),
        ),
    ];
    let rejected = report.rejected.map(|count| {
        let help = "Batches that were refused for good and are kept";
        ("pganalytics_rejected_batches", "gauge", help, count.to_string())
    });
    rows.iter()
        .chain(&rejected)
        .map(|(name, kind, help, value)| {
            format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n")
        })
        .collect()
}
