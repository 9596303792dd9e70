//! Which statement texts to read in this run, and what to make of what came. A text is masked here, before anything
//! keeps it.
//!
//! Every text is asked for once, by its id, and for each of our own roles once more: only the text tells whether it is we
//! who sent it, and from 16 on utility statements share their ids with everybody's. How many really come is bounded by the server (`rows.*.sql`), in the order
//! given here, so that what does not fit comes first of what is left on the next run.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::entry::{Entry, Key};
use super::previous::Text;
use super::rank::Chosen;
use crate::collect::mask::{Masked, is_own, mask};

/// The statements of pass 2 as its parameters want them: `$1` to `$5`, all of one length.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Order {
    pub queryids: Vec<i64>,
    pub dbids: Vec<u32>,
    pub userids: Vec<u32>,
    pub toplevels: Vec<bool>,
    pub with_text: Vec<bool>,
}

impl Order {
    pub fn key(&self, n: usize) -> Key {
        Key {
            queryid: self.queryids[n],
            dbid: self.dbids[n],
            userid: self.userids[n],
            toplevel: self.toplevels[n],
        }
    }
}

/// What a row of pass 2 said about the text that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Masked(Masked),
    /// A statement of the collector: its row stays here, and it is never chosen again.
    Own,
    /// It is not our own, and its text went out under another user.
    Known,
    /// This run's bytes were spent: next run.
    Waits,
    /// The server has lost it: asked again in a day.
    Lost,
}

/// Those that may be our own first, as their rows must not leave; then wanted texts, then those that never went out, what
/// grew most first and the spare ones last; then the rows that need none.
pub fn order(chosen: &[Chosen], wanted: &[i64]) -> Order {
    let is_wanted = |it: &Chosen| wanted.contains(&it.entry.key.queryid);
    let need = |it: &Chosen| match it.text {
        _ if it.unjudged => 3,
        _ if is_wanted(it) => 2,
        Text::NotSent => 1,
        _ => 0,
    };
    let time_us = |it: &Chosen| it.growth.map_or(it.entry.time_us, |growth| growth.time_us);
    let mut places: Vec<(u8, i64, u32)> =
        (0u32..).zip(chosen).map(|(at, it)| (need(it), time_us(it), at)).collect();
    let spare = |at: u32| chosen[at as usize].spare;
    places.sort_unstable_by_key(|&(need, time_us, at)| (Reverse(need), spare(at), Reverse(time_us), at));
    let (mut order, mut asked) = (Order::default(), HashSet::new());
    for (need, _, at) in places {
        let Chosen { entry: Entry { key, .. }, unjudged, .. } = chosen[at as usize];
        order.queryids.push(key.queryid);
        order.dbids.push(key.dbid);
        order.userids.push(key.userid);
        order.toplevels.push(key.toplevel);
        order.with_text.push(need > 0 && asked.insert((key.queryid, unjudged.then_some(key.userid))));
    }
    order
}

/// For a row whose text was asked for: `text` as the server cut it, `text_length` in characters as it has it.
pub fn read(text: Option<&str>, text_length: Option<i64>, max_bytes: usize) -> Answer {
    match (text, text_length) {
        (None, None) => Answer::Lost,
        (None, Some(_)) => Answer::Waits,
        (Some(text), _) if is_own(text) => Answer::Own,
        (Some(text), length) => {
            let mut masked = mask(text, max_bytes);
            masked.truncated |= length.is_some_and(|length| length > text.chars().count() as i64);
            Answer::Masked(masked)
        }
    }
}

#[cfg(test)]
mod tests;
