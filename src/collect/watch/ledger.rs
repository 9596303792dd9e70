//! What one run tells the next of a server: back-offs, columns that it lacks, where its slow parts stand.

use std::collections::BTreeMap;

use wire::{Outcome, Reason, Want};

use super::Watch;
use crate::collect::visit::Answer;
use crate::collect::{Keep, back_off, refused, seek};
use crate::pg::probe::{self, Facts};
use crate::pg::session::Missing;
use crate::state::ledger::{Ledger, PartState, ServerState};

impl Watch {
    /// What the ledger should know of this server.
    pub fn commit(&self, ledger: &mut Ledger, now: i64) {
        let state = ledger.servers.entry(self.config.name.clone()).or_default();
        state.resume_at.clone_from(&self.resume_at);
        if self.stalled {
            state.stalls += 1;
            state.until = Some(now + back_off::next_s(state.stalls));
        }
        for database in &self.hung {
            let known = state.databases.entry(database.clone()).or_default();
            known.stalls += 1;
            known.until = now + back_off::next_s(known.stalls);
        }
        let mut answered: Vec<&Want> = Vec::new();
        for keep in &self.keeps {
            match keep {
                Keep::File { answered: these, .. } => answered.extend(these),
                Keep::LogPosition(position) => state.log_position = Some(position.clone()),
            }
        }
        ledger.wants.retain(|want| !answered.contains(&want));
        if let Some(facts) = &self.facts {
            state.databases.retain(|_, known| back_off::left_s(Some(known.until), now).is_some());
            state.stalls = 0;
            state.until = None;
            self.commit_refusals(state, facts, now);
            seek::remember(state, facts, self.seeks.then_some(&self.found), now);
        } else if self.stalled {
            // Where it was found may be what hangs.
            state.looks_from = None;
        }
    }

    fn commit_refusals(&self, state: &mut ServerState, facts: &Facts, now: i64) {
        let version = version_of(facts);
        state.refused_of = refused::learnt_with(&version, facts);
        state.missing_of = version;
        state.missing.clone_from(&self.missing.columns);
        let until = state.missing_until.filter(|until| now < *until);
        state.missing_until = self.missing.refused.then(|| until.unwrap_or(now + refused::FORBIDDEN_S));
        state.refused.clone_from(&self.refused_parts);
    }

    /// What earlier runs learnt that this server lacks or refuses, as far as it holds still.
    pub(super) fn recall(&mut self, ledger: &Ledger, facts: &Facts, now: i64) {
        let version = version_of(facts);
        let rights = refused::learnt_with(&version, facts);
        let known = ledger.servers.get(&self.config.name);
        if let Some(known) = known.filter(|s| s.missing_of == version && holds(s, now)) {
            let changed = known.missing_until.is_some() && known.refused_of != rights;
            self.missing.refused = known.missing_until.is_some() && !changed;
            self.missing.columns = if changed { BTreeMap::new() } else { known.missing.clone() };
        }
        if known.is_none_or(|s| s.missing_of == version || !s.missing.contains_key(probe::TAG)) {
            self.missing.learn(facts.missing.clone());
        }
        if let Some(known) = known.filter(|s| s.refused_of == rights) {
            let lasting = known.refused.iter().filter(|(_, refused)| now < refused.until);
            self.refused_parts = lasting.map(|(key, refused)| (key.clone(), refused.clone())).collect();
        }
    }
}

/// Some of it was refused, not lacking, and may be granted by now.
fn holds(known: &ServerState, now: i64) -> bool {
    known.missing_until.is_none_or(|until| now < until)
}

/// What the probe need not ask for again. Whether it holds is known only when it has answered.
pub(super) fn lacked_by_probe(known: &ServerState, now: i64) -> Missing {
    let columns = known.missing.get(probe::TAG).filter(|_| holds(known, now));
    let columns = columns.map(|columns| (probe::TAG.to_owned(), columns.clone()));
    Missing {
        refused: known.missing_until.is_some() && columns.is_some(),
        columns: columns.into_iter().collect(),
    }
}

/// What makes a list of missing columns worth remembering.
pub(super) fn version_of(facts: &Facts) -> String {
    let extensions: Vec<String> =
        facts.extensions.iter().map(|e| format!("{}={}", e.name, e.version)).collect();
    format!("{} {}", facts.version_num, extensions.join(" "))
}

/// Still within the back-off after handshakes that were never answered?
pub fn left_alone(state: Option<&ServerState>, now: i64) -> Option<Outcome> {
    let left_s = back_off::left_s(state?.until, now)?;
    let why = format!("left alone for {left_s} s more: its last handshakes were never answered");
    Some(Outcome::skipped(Reason::ServerRefused).detail(why))
}

/// What the ledger should know of a slow part after this answer.
pub fn remember(ledger: &Ledger, answer: &Answer) -> Option<(String, PartState)> {
    let slow = answer.planned.slow.as_ref()?;
    let known = ledger.parts.get(&slow.key).copied();
    let shed = answer.placed.iter().any(|p| p.done.outcome.reason == Some(Reason::Shed));
    let state = match (answer.ran, shed) {
        (true, _) => {
            let took = answer.took.as_secs_f64() * 1000.0;
            let cost_ms = Some(slow.cost_ms.map_or(took, |old| old * 0.7 + took * 0.3));
            PartState { last: slow.last, cost_ms, shed: 0 }
        }
        (false, true) => {
            let before =
                known.unwrap_or(PartState { last: slow.last - slow.every_s, ..PartState::default() });
            PartState { shed: before.shed + 1, ..before }
        }
        (false, false) => return None,
    };
    Some((slow.key.clone(), state))
}
