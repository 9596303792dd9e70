//! Cron's mail: what needs a person is said when it begins, once a day while it lasts, and when it ends. Success says
//! nothing.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};

use super::{Report, degrades, sentence};
use crate::collect::watch::Phase;
use crate::state::ledger::{Condition, Ledger};

const AGAIN_S: i64 = 86_400;

pub(super) fn tell(report: &Report, ledger: &mut Ledger) {
    let lines = turn(&mut ledger.conditions, current(report), report.at.as_second());
    if lines.is_empty() || std::io::stderr().is_terminal() {
        return;
    }
    let text = lines.iter().map(|line| format!("pganalytics: {line}\n")).collect::<String>();
    // Nobody may be listening; the log has it all.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// What needs a person now, by a key that stays the same while it lasts.
fn current(report: &Report) -> BTreeMap<String, String> {
    let mut now = BTreeMap::new();
    for note in &report.notes {
        now.insert(format!("note {}", note.split(['(', ':']).next().unwrap_or(note)), note.clone());
    }
    for watch in &report.collected.watches {
        if let Phase::Gone(outcome) = &watch.phase {
            let name = &watch.config.name;
            let why = outcome.detail.as_deref().unwrap_or("no reason was given");
            now.insert(format!("server {name}"), format!("server {name} cannot be collected: {why}"));
        }
    }
    for told in &report.collected.board.told {
        let refused = told.outcome.reason == Some(wire::Reason::ServerRefused);
        if !refused && degrades(report.config, told.place.key.collector, &told.outcome) {
            let (key, place) = (&told.place.key, &told.place.server);
            let id = format!(
                "part {}.{}@{place}/{}",
                key.collector,
                told.part,
                key.database.as_deref().unwrap_or("")
            );
            now.insert(id, sentence(told));
        }
    }
    if let Some(why) = &report.unsealed {
        now.insert("spool".to_owned(), why.clone());
    }
    if let Some(drained) = &report.drained {
        if let Some(why) = &drained.trouble {
            now.insert("push".to_owned(), format!("batches wait in the spool: {why}"));
        }
        if drained.rejected > 0 {
            now.insert(
                "reject".to_owned(),
                "the backend refused batches for good: see pganalytics spool list".to_owned(),
            );
        }
    }
    now
}

/// Brings the remembered conditions up to date; gives back what is to be said.
fn turn(known: &mut BTreeMap<String, Condition>, current: BTreeMap<String, String>, now: i64) -> Vec<String> {
    let mut lines = Vec::new();
    known.retain(|key, condition| {
        let lasts = current.contains_key(key);
        if !lasts {
            lines.push(format!("over after {} s: {}", (now - condition.since).max(0), condition.text));
        }
        lasts
    });
    for (key, text) in current {
        let condition =
            known.entry(key).or_insert(Condition { since: now, told: i64::MIN, text: String::new() });
        let due = condition.told > now || now.saturating_sub(condition.told) >= AGAIN_S;
        condition.text.clone_from(&text);
        if due {
            condition.told = now;
            lines.push(text);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_at_the_beginning_once_a_day_and_at_the_end() {
        let mut known = BTreeMap::new();
        let down = || BTreeMap::from([("server main".to_owned(), "main is down".to_owned())]);
        assert_eq!(turn(&mut known, down(), 1000), ["main is down"]);
        assert!(turn(&mut known, down(), 1060).is_empty());
        assert!(turn(&mut known, down(), 1000 + AGAIN_S - 1).is_empty());
        assert_eq!(turn(&mut known, down(), 1000 + AGAIN_S), ["main is down"]);
        assert_eq!(
            turn(&mut known, BTreeMap::new(), 1000 + AGAIN_S + 5),
            ["over after 86405 s: main is down"]
        );
        assert!(turn(&mut known, BTreeMap::new(), 1000 + AGAIN_S + 6).is_empty());
    }
}
