//! What a run learned about texts, for the next one: which left with this batch, and what was judged under our own roles.
//! Refuses to let one text leave twice in a batch.

use std::collections::{HashMap, HashSet};

use super::entry::Key;
use super::item::Read;
use super::previous::Text;
use super::rank::Chosen;
use super::texts::Answer;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// By id.
    sent: HashMap<i64, Text>,
    /// By id and user.
    own: HashSet<(i64, u32)>,
    judged: HashSet<(i64, u32)>,
}

/// From the rows that are to leave with the batch of this sequence, and our own that stay. A text that was asked for only
/// to judge it, or twice, is taken back.
pub(super) fn learn(
    chosen: &[Chosen],
    read: &mut [Read],
    wanted: &[i64],
    own: HashSet<(i64, u32)>,
    sequence: u64,
) -> Learned {
    let marks = chosen.iter().filter(|it| matches!(it.text, Text::Sent(_)));
    let before: HashSet<Key> = marks.map(|it| it.entry.key).collect();
    let mut learned = Learned { own, ..Learned::default() };
    for row in read.iter_mut().filter(|r| matches!(r.answer, Some(Answer::Masked(_) | Answer::Lost))) {
        let queryid = row.key.queryid;
        learned.judged.insert((queryid, row.key.userid));
        let known = before.contains(&row.key) && !wanted.contains(&queryid);
        if known || learned.sent.insert(queryid, Text::sent(sequence)).is_some() {
            row.answer = Some(Answer::Known);
        }
    }
    learned
}

impl Learned {
    /// What to remember of an entry of which this was known. A mark under a role of ours says that its text was judged
    /// there, so it has none before.
    pub(super) fn text(&self, key: &Key, before: Text, unjudged: bool) -> Text {
        let judged = (key.queryid, key.userid);
        match () {
            () if before == Text::Own || self.own.contains(&judged) => Text::Own,
            () if unjudged && !self.judged.contains(&judged) => Text::NotSent,
            () => self.sent.get(&key.queryid).copied().unwrap_or(before),
        }
    }
}

#[cfg(test)]
mod tests;
