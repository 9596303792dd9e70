//! The rules, one a file: what each takes for too much, and why just that much.

pub(super) mod archiver;
pub(super) mod cache;
pub(super) mod checkpoints;
pub(super) mod checksums;
pub(super) mod collations;
pub(super) mod collecting;
pub(super) mod connections;
pub(super) mod deadlocks;
pub(super) mod disk;
pub(super) mod index_bloat;
pub(super) mod invalid_indexes;
pub(super) mod locks;
pub(super) mod sequences;
pub(super) mod server_log;
pub(super) mod settings;
pub(super) mod slots;
pub(super) mod standbys;
pub(super) mod statements;
pub(super) mod table_bloat;
pub(super) mod temp_files;
pub(super) mod transactions;
pub(super) mod unused_indexes;
pub(super) mod vacuum;
pub(super) mod wraparound;
pub(super) mod xmin;

use jiff::Timestamp;

use super::evidence::{Evidence, Source};
use super::item::{HIDDEN, Item, Row};
use super::words::DAY_MS;
use super::{Finding, Place, Rule, Severity, Step};

/// From where on a figure is how severe; what never is stands at infinity.
struct Grades {
    notice: f64,
    warning: f64,
    critical: f64,
}

const NEVER: f64 = f64::INFINITY;

impl Grades {
    fn of(&self, figure: f64) -> Option<Severity> {
        match () {
            () if figure >= self.critical => Some(Severity::Critical),
            () if figure >= self.warning => Some(Severity::Warning),
            () if figure >= self.notice => Some(Severity::Notice),
            () => None,
        }
    }
}

fn sql(text: impl Into<String>) -> Vec<Step> {
    vec![Step::Sql(text.into())]
}

fn advice(text: impl Into<String>) -> Vec<Step> {
    vec![Step::Do(text.into())]
}

/// How long before the newest batch, in ms.
fn before_now(evidence: &Evidence, at: Timestamp) -> Option<f64> {
    let ms = evidence.last?.as_millisecond() - at.as_millisecond();
    (ms >= 0).then_some(ms as f64)
}

/// How often something happens in a day: over all batches where there are several, else since counters were reset.
fn per_day(
    evidence: &Evidence,
    item: &Item,
    (total, reset): (Option<f64>, Option<Timestamp>),
    grown: impl Fn(&super::history::Grown) -> f64,
) -> Option<Rate> {
    let watched = evidence.history.grown(&item.source, item.database.as_deref());
    if let Some(watched) = watched.filter(|w| w.span_ms > 0.0) {
        return Some(Rate { count: grown(&watched), span_ms: watched.span_ms });
    }
    let since = evidence.counting_since(&item.source, reset)?;
    Some(Rate { count: total?, span_ms: before_now(evidence, since)? })
}

/// What happened in a time.
#[derive(Clone, Copy, Debug)]
struct Rate {
    count: f64,
    span_ms: f64,
}

impl Rate {
    fn per_day(self) -> f64 {
        self.count * DAY_MS / self.span_ms.max(1.0)
    }
}
