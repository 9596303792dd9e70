//! What needs somebody's attention: of each sign its bounds, and the words for it. Pure; the figures come from the store.
//!
//! The first kinds are the worst: among findings of one severity they stand first.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::store::signs::{self, Asked, Sign};
use crate::store::watch::Watched;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Critical,
    Warning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    // The collector does not report.
    Silent,
    // A server cannot be reached, or a collection fails.
    Failing,
    Wraparound,
    // A session waits for a lock.
    Lock,
    Disk,
    Connections,
    // A standby is gone or behind, or a slot keeps WAL.
    Replication,
    // One that is under way for long.
    Transaction,
    Log,
    Cache,
    // The collector cannot deliver.
    Spool,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Finding {
    pub severity: Severity,
    pub kind: Kind,
    pub collector_id: Uuid,
    /// None where it is the collector's, or its host's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// One sentence.
    pub text: String,
}

pub struct Rule {
    pub kind: Kind,
    pub asked: Asked,
    pub warning: f64,
    /// Where there is none: never.
    critical: Option<f64>,
    words: fn(&Sign) -> String,
}

const MINUTE_MS: f64 = 60_000.0;

pub const RULES: &[Rule] = &[
    Rule {
        kind: Kind::Failing,
        asked: signs::REFUSED,
        warning: 1.0,
        critical: Some(1.0),
        words: |sign| {
            format!("The collector cannot work there: {}", sign.detail.as_deref().unwrap_or("refused"))
        },
    },
    Rule {
        kind: Kind::Failing,
        asked: signs::FAILED,
        warning: 1.0,
        critical: None,
        words: |sign| format!("Collection fails: {}", subject(sign)),
    },
    Rule {
        kind: Kind::Wraparound,
        asked: signs::WRAPAROUND,
        warning: 50.0,
        critical: Some(20.0),
        words: |sign| format!("{:.0} % left until wraparound in database {}", sign.value, subject(sign)),
    },
    Rule {
        kind: Kind::Lock,
        asked: signs::LOCK,
        warning: 10_000.0,
        critical: Some(MINUTE_MS),
        words: |sign| {
            let waiting = match sign.subject.as_deref() {
                None | Some("1") => "A session waits".to_owned(),
                Some(count) => format!("{count} sessions wait"),
            };
            let holder = sign.detail.as_deref().unwrap_or("somebody");
            format!("{waiting} for a lock, one for {}; in the way: {holder}", duration(sign.value))
        },
    },
    Rule {
        kind: Kind::Disk,
        asked: signs::DISK,
        warning: 80.0,
        critical: Some(90.0),
        words: |sign| format!("{} is {:.0} % full", subject(sign), sign.value),
    },
    Rule {
        kind: Kind::Connections,
        asked: signs::CONNECTIONS,
        warning: 80.0,
        critical: Some(95.0),
        words: |sign| {
            format!(
                "{:.0} % of the connections are taken ({})",
                sign.value,
                sign.detail.as_deref().unwrap_or("?")
            )
        },
    },
    Rule {
        kind: Kind::Replication,
        asked: signs::LAG,
        warning: 10_000.0,
        critical: Some(5.0 * MINUTE_MS),
        words: |sign| format!("Standby {} replays {} late", subject(sign), duration(sign.value)),
    },
    Rule {
        kind: Kind::Replication,
        asked: signs::BEHIND,
        warning: 256.0,
        critical: Some(16.0 * 1024.0),
        words: |sign| format!("Standby {} is behind: {} not replayed", subject(sign), size(sign.value)),
    },
    Rule {
        kind: Kind::Replication,
        asked: signs::GONE,
        warning: 1.0,
        critical: Some(1.0),
        words: |sign| {
            let lost = sign.subject.as_deref().map(|names| format!(": {names}")).unwrap_or_default();
            let left = sign.detail.as_deref().unwrap_or("?");
            format!("Fewer standbys stream than within the hour before, {left}{lost}")
        },
    },
    Rule {
        kind: Kind::Replication,
        asked: signs::RECEIVER,
        warning: MINUTE_MS,
        critical: Some(60.0 * MINUTE_MS),
        words: |sign| format!("This standby is behind: no receiver runs, {}", replayed(sign.value)),
    },
    Rule {
        kind: Kind::Replication,
        asked: signs::PAUSED,
        warning: 1.0,
        critical: None,
        words: |sign| {
            let ago = sign.subject.as_deref().and_then(|ms| ms.parse().ok()).unwrap_or(f64::INFINITY);
            format!("This standby is behind: replay is paused, {}", replayed(ago))
        },
    },
    Rule {
        kind: Kind::Replication,
        asked: signs::SLOT,
        warning: 1024.0,
        critical: Some(10.0 * 1024.0),
        words: |sign| format!("Slot {} is inactive and keeps {} of WAL", subject(sign), size(sign.value)),
    },
    Rule {
        kind: Kind::Transaction,
        asked: signs::TRANSACTION,
        warning: 5.0 * MINUTE_MS,
        critical: Some(60.0 * MINUTE_MS),
        words: |sign| {
            let who = sign.detail.as_deref().unwrap_or("?");
            format!("A transaction is open for {}, {} ({who})", duration(sign.value), subject(sign))
        },
    },
    Rule {
        kind: Kind::Log,
        asked: signs::ALARM,
        warning: 1.0,
        critical: Some(1.0),
        words: |sign| format!("The log tells of {}", subject(sign).replace('_', " ")),
    },
    Rule {
        kind: Kind::Log,
        asked: signs::ERRORS,
        warning: 20.0,
        critical: Some(1000.0),
        words: |sign| format!("{:.0} errors in the log within a quarter of an hour", sign.value),
    },
    Rule {
        kind: Kind::Cache,
        asked: signs::CACHE,
        warning: 70.0,
        critical: None,
        words: |sign| format!("Only {:.0} % of the blocks are found in shared buffers", sign.value),
    },
];

impl Rule {
    /// One for each place: its worst, and how many others there are. The worst of `signs` come first.
    pub fn findings(&self, signs: Vec<Sign>) -> Vec<Finding> {
        let mut places: HashMap<(Uuid, Option<String>), usize> = HashMap::new();
        let mut found: Vec<(Finding, u32)> = Vec::new();
        for sign in signs {
            let at = *places.entry((sign.collector, sign.server.clone())).or_insert(found.len());
            match found.get_mut(at) {
                Some((_, others)) => *others += 1,
                None => found.push((self.finding(sign), 0)),
            }
        }
        let told = |(mut finding, others): (Finding, u32)| {
            if others > 0 {
                finding.text += &format!(", and {others} more");
            }
            finding
        };
        found.into_iter().map(told).collect()
    }

    fn finding(&self, sign: Sign) -> Finding {
        let critical = self
            .critical
            .is_some_and(|bound| if self.asked.falling { sign.value <= bound } else { sign.value >= bound });
        Finding {
            severity: if critical { Severity::Critical } else { Severity::Warning },
            kind: self.kind,
            collector_id: sign.collector,
            text: (self.words)(&sign),
            server: sign.server,
        }
    }
}

fn subject(sign: &Sign) -> &str {
    sign.subject.as_deref().unwrap_or("?")
}

/// Since the last commit that was; infinite where there was none.
fn replayed(ms: f64) -> String {
    match ms.is_finite() {
        true => format!("last replayed commit {} ago", duration(ms)),
        false => "no commit replayed yet".to_owned(),
    }
}

fn size(mb: f64) -> String {
    if mb < 1024.0 { format!("{mb:.0} MB") } else { format!("{:.1} GB", mb / 1024.0) }
}

/// Two figures at most, as somebody says it.
fn duration(ms: f64) -> String {
    let s = ms / 1000.0;
    match s {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

/// How a collector fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    // A run is missing.
    Late,
    // Nothing came for ten intervals.
    Silent,
    // It reports that it cannot do its work.
    Failing,
    // It registered, and never pushed.
    New,
}

/// What it promised between two pushes, in seconds.
fn promised(watched: &Watched) -> f64 {
    watched.interval_s.unwrap_or(60.0).max(1.0)
}

/// By what it promised, a push each interval; `failing` is what it says itself.
pub fn state(watched: &Watched, failing: bool) -> State {
    let interval = promised(watched);
    match watched.last_seen_age_s {
        None => State::New,
        Some(age) if age > 10.0 * interval => State::Silent,
        Some(_) if failing => State::Failing,
        Some(age) if age > 2.5 * interval => State::Late,
        Some(_) => State::Ok,
    }
}

/// What there is to say of the collector itself.
pub fn of_collector(watched: &Watched) -> Vec<Finding> {
    let finding =
        |severity, kind, text| Finding { severity, kind, collector_id: watched.id, server: None, text };
    let mut found = Vec::new();
    let age = duration(watched.last_seen_age_s.unwrap_or_default() * 1000.0);
    match state(watched, false) {
        State::Silent => {
            found.push(finding(Severity::Critical, Kind::Silent, format!("Nothing was heard for {age}")));
        }
        State::Late => {
            found.push(finding(
                Severity::Warning,
                Kind::Silent,
                format!("Late: nothing was heard for {age}"),
            ));
        }
        State::New => {
            found.push(finding(Severity::Warning, Kind::Silent, "Registered, and never heard of".to_owned()));
        }
        State::Ok | State::Failing => {}
    }
    // What one that is silent said of its spool is no longer true; what waits for the next push is on its way.
    let stuck = watched.spool_oldest_s.is_none_or(|oldest| oldest > 1.5 * promised(watched));
    let spool = watched.spool_batches.filter(|batches| *batches >= 5.0 && stuck && found.is_empty());
    if let Some(batches) = spool {
        let severity = if batches >= 60.0 { Severity::Critical } else { Severity::Warning };
        let oldest = duration(watched.spool_oldest_s.unwrap_or_default() * 1000.0);
        let text = format!("{batches:.0} batches wait to be delivered, the oldest for {oldest}");
        found.push(finding(severity, Kind::Spool, text));
    }
    found
}

/// The worst first. A server that cannot be reached fails every collection: that is one finding, not two.
pub fn ranked(mut findings: Vec<Finding>) -> Vec<Finding> {
    let refused: Vec<Uuid> = findings
        .iter()
        .filter(|f| f.kind == Kind::Failing && f.server.is_some())
        .map(|f| f.collector_id)
        .collect();
    findings.retain(|f| f.kind != Kind::Failing || f.server.is_some() || !refused.contains(&f.collector_id));
    findings.sort_by_key(|finding| (finding.severity, finding.kind));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(age_s: Option<f64>, interval_s: Option<f64>, spool: f64) -> Watched {
        Watched {
            id: Uuid::nil(),
            name: "one".to_owned(),
            hostname: "h".to_owned(),
            address: None,
            version: None,
            registered_at: jiff::Timestamp::UNIX_EPOCH,
            last_seen: None,
            last_seen_age_s: age_s,
            interval_s,
            cycle_ms: None,
            spool_batches: Some(spool),
            spool_bytes: None,
            spool_oldest_s: Some(300.0),
        }
    }

    #[test]
    fn a_collector_is_late_by_its_own_interval() {
        let states = [
            (Some(150.0), Some(60.0), State::Ok),
            (Some(151.0), Some(60.0), State::Late),
            (Some(601.0), Some(60.0), State::Silent),
            (Some(601.0), Some(300.0), State::Ok),
            (Some(2250.0), Some(900.0), State::Ok),
            (Some(2251.0), Some(900.0), State::Late),
            (Some(151.0), None, State::Late),
            (None, None, State::New),
        ];
        for (age, interval, expected) in states {
            assert_eq!(state(&watched(age, interval, 0.0), false), expected, "{age:?} {interval:?}");
        }
        assert_eq!(state(&watched(Some(200.0), None, 0.0), true), State::Failing);
        assert_eq!(state(&watched(Some(700.0), None, 0.0), true), State::Silent, "what it said is old");
    }

    #[test]
    fn a_spool_is_told_of_while_its_collector_is_heard() {
        let told = |age, spool| of_collector(&watched(Some(age), None, spool)).len();
        assert_eq!((told(10.0, 4.0), told(10.0, 5.0), told(900.0, 80.0)), (0, 1, 1));
        let seldom = |interval| of_collector(&watched(Some(10.0), Some(interval), 60.0)).len();
        assert_eq!((seldom(199.0), seldom(200.0)), (1, 0), "what waits for the next push is not stuck");
        let finding = &of_collector(&watched(Some(10.0), None, 60.0))[0];
        assert_eq!((finding.severity, finding.kind), (Severity::Critical, Kind::Spool));
        assert_eq!(finding.text, "60 batches wait to be delivered, the oldest for 5 min");
    }

    #[test]
    fn every_rule_warns_before_it_alarms() {
        for rule in RULES {
            let Some(critical) = rule.critical else { continue };
            let sooner = if rule.asked.falling { critical <= rule.warning } else { critical >= rule.warning };
            assert!(sooner, "{:?}", rule.kind);
        }
    }
}
