//! Seeking: in which database pg_stat_statements is.
//!
//! Its figures are the server's, but can be read only where it was created. Where the probe's database lacks it, each
//! visit of one run an hour asks its own, and the next run looks from where it was found. Costs a tiny statement for
//! each visit of that run, and nothing in any other.

use std::collections::BTreeMap;

use postgres::types::Type;

use crate::pg::probe::Facts;
use crate::pg::session::Session;
use crate::state::ledger::ServerState;

pub const EXTENSION: &str = "pg_stat_statements";

const SQL: &str = include_str!("seek.13.sql");

/// For so long a search in vain holds.
const AGAIN_S: i64 = 3600;

/// The other databases are to be asked now. What was found once and is not there any more is sought again at once.
pub fn is_due(known: Option<&ServerState>, facts: &Facts, now: i64) -> bool {
    let lately = |at: i64| (at..at + AGAIN_S).contains(&now);
    facts.extension(EXTENSION).is_none()
        && known.is_none_or(|s| s.looks_from.is_some() || !s.sought.is_some_and(lately))
}

/// Its version in the session's database. What keeps this from being answered is no loss: it is asked again.
pub fn ask(session: &mut Session) -> Option<String> {
    let mut version = None;
    let asked = session.query("seek", SQL, &[(&EXTENSION, Type::TEXT)], |row| {
        version = row.try_get(0)?;
        Ok(())
    });
    asked.ok().and(version)
}

/// `found`: versions by database, of a run that sought.
pub fn remember(state: &mut ServerState, facts: &Facts, found: Option<&BTreeMap<String, String>>, now: i64) {
    if facts.extension(EXTENSION).is_some() {
        state.sought = None;
        state.looks_from.take_if(|from| *from != facts.database);
        return;
    }
    state.looks_from = found.and_then(newest);
    state.sought = found.map(|_| now).or(state.sought);
}

/// Where the extension is newest; of several the first by name.
fn newest(found: &BTreeMap<String, String>) -> Option<String> {
    let numbers = |version: &str| -> Vec<u32> { version.split('.').map_while(|n| n.parse().ok()).collect() };
    found.iter().rev().max_by_key(|(_, version)| numbers(version)).map(|(database, _)| database.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_taken_and_of_equals_the_first() {
        let of = |found: &[(&str, &str)]| {
            newest(&found.iter().map(|(d, v)| ((*d).to_owned(), (*v).to_owned())).collect())
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("b", "1.9"), ("a", "1.7"), ("c", "1.10")]).as_deref(), Some("c"));
        assert_eq!(of(&[("b", "1.10"), ("a", "1.10")]).as_deref(), Some("a"));
        assert_eq!(of(&[("b", "odd"), ("a", "1.4")]).as_deref(), Some("a"));
    }
}
