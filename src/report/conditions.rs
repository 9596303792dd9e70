//! Cron's mail: what needs a person is said when it begins, once a day while it lasts, and when it ends. Success says
//! nothing.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};

use super::{Report, troubles};
use crate::collect::board::Told;
use crate::collect::watch::Phase;
use crate::plain::plain;
use crate::state::ledger::{Condition, Ledger};

const AGAIN_S: i64 = 86_400;
/// Longer than any collector's default interval.
const FORGOTTEN_S: i64 = 2 * AGAIN_S;

pub(super) fn tell(report: &Report, ledger: &mut Ledger) {
    let open = |key: &str| not_asked(report, key);
    let lines = turn(&mut ledger.conditions, current(report), open, report.at.as_second());
    if lines.is_empty() || std::io::stderr().is_terminal() {
        return;
    }
    let text = lines.iter().map(|line| format!("pganalytics: {}\n", plain(line))).collect::<String>();
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
    now.extend(troubles(report.config, report.collected));
    if let Some(why) = &report.unsealed {
        now.insert("spool".to_owned(), why.clone());
    }
    if let Some(Err(why)) = token(report) {
        now.insert("token".to_owned(), why.clone());
    }
    if let Some(why) = report.drained.as_ref().and_then(|drained| drained.trouble.as_ref()) {
        now.insert("push".to_owned(), format!("batches wait in the spool: {why}"));
    }
    // Not only in the run that was refused: they lie there until somebody sends, drops or loses them.
    if let Some(count @ 1..) = report.rejected {
        now.insert("reject".to_owned(), refused(count));
    }
    now
}

fn refused(count: u64) -> String {
    format!(
        "batches lie in reject/, refused for good ({count}): see pganalytics spool list, and after mending pganalytics spool flush --rejected"
    )
}

fn token<'a>(report: &'a Report) -> Option<&'a Result<(), String>> {
    report.drained.as_ref()?.token.as_ref()
}

/// Whether this run cannot know if a condition is over: its part was not due, or nothing was to be sent.
fn not_asked(report: &Report, key: &str) -> bool {
    match key {
        "push" => report.drained.is_none(),
        "reject" => report.rejected.is_none(),
        "token" => token(report).is_none(),
        _ => key.starts_with("part ") && !report.collected.board.told.iter().any(|told| speaks_of(told, key)),
    }
}

/// Whether this outcome, were it one of trouble, could be told under that key.
fn speaks_of(told: &Told, key: &str) -> bool {
    let (item, server) = (&told.place.key, &told.place.server);
    let database = item.database.as_deref().unwrap_or("");
    let part = format!("part {}.{}@{server}", item.collector, told.part);
    key == part || key == format!("{part}/{database}") || key == format!("part database@{server}/{database}")
}

/// Brings the remembered conditions up to date; gives back what is to be said.
fn turn(
    known: &mut BTreeMap<String, Condition>,
    current: BTreeMap<String, String>,
    not_asked: impl Fn(&str) -> bool,
    now: i64,
) -> Vec<String> {
    let mut lines = Vec::new();
    known.retain(|key, condition| {
        let lasts = current.contains_key(key);
        if !lasts && not_asked(key) {
            // What is not watched any more is forgotten in silence.
            return now - condition.seen < FORGOTTEN_S;
        }
        if !lasts {
            lines.push(format!("over after {} s: {}", (now - condition.since).max(0), condition.text));
        }
        lasts
    });
    for (key, text) in current {
        let condition = known.entry(key).or_insert(Condition {
            since: now,
            told: i64::MIN,
            seen: now,
            text: String::new(),
        });
        condition.seen = now;
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

    const ASKED: fn(&str) -> bool = |_| false;

    #[test]
    fn speaks_at_the_beginning_once_a_day_and_at_the_end() {
        let mut known = BTreeMap::new();
        let down = || BTreeMap::from([("server main".to_owned(), "main is down".to_owned())]);
        let mut turn = |current, now| turn(&mut known, current, ASKED, now);
        assert_eq!(turn(down(), 1000), ["main is down"]);
        assert!(turn(down(), 1060).is_empty());
        assert!(turn(down(), 1000 + AGAIN_S - 1).is_empty());
        assert_eq!(turn(down(), 1000 + AGAIN_S), ["main is down"]);
        assert_eq!(turn(BTreeMap::new(), 1000 + AGAIN_S + 5), ["over after 86405 s: main is down"]);
        assert!(turn(BTreeMap::new(), 1000 + AGAIN_S + 6).is_empty());
    }

    #[test]
    fn what_is_asked_seldom_lasts_until_it_is_asked_again() {
        let mut known = BTreeMap::new();
        let denied = || BTreeMap::from([("part a".to_owned(), "a: denied".to_owned())]);
        assert_eq!(turn(&mut known, denied(), ASKED, 0), ["a: denied"]);
        assert!(turn(&mut known, BTreeMap::new(), |_| true, 60).is_empty());
        assert!(turn(&mut known, denied(), ASKED, 300).is_empty(), "it has been told");
        assert!(turn(&mut known, BTreeMap::new(), |_| true, 300 + FORGOTTEN_S).is_empty());
        assert!(known.is_empty(), "nobody watches it any more");
    }
}
