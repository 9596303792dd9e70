//! What one run tells the next of a server: back-offs, columns that it lacks, where its slow parts stand.

use wire::{Outcome, Reason, Want};

use super::Watch;
use crate::collect::back_off;
use crate::collect::visit::Answer;
use crate::pg::probe::Facts;
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
        let answered: Vec<&Want> = self.keeps.iter().flat_map(|k| &k.answered).collect();
        ledger.wants.retain(|want| !answered.contains(&want));
        if let Some(facts) = &self.facts {
            state.databases.retain(|_, known| back_off::left_s(Some(known.until), now).is_some());
            state.stalls = 0;
            state.until = None;
            state.missing.clone_from(&self.missing);
            state.missing_of = version_of(facts);
        }
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
