//! What a statement did since the last run, and how sure that is. Never guesses: where an entry may have been evicted
//! and come back in between, the growth says `unproven`; where nothing can be said there is none.

use serde::Serialize;

use super::entry::Entry;
use super::previous::{Facts, Previous, Record, Text, since_tag};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The same entry as before, nothing lost between.
    Exact,
    /// Not there at the last run, or there was no last run.
    FirstSeen,
    /// Statistics were reset: counted from then on.
    Reset,
    /// Pushed out and back: what it did before its return is lost.
    EvictedAndReturned,
    /// Its counters did not fall, but entries were evicted and this version cannot tell which.
    Unproven,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    pub calls: i64,
    pub time_us: i64,
    pub since_us: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grown {
    pub growth: Option<Growth>,
    pub standing: Standing,
    pub text: Text,
    /// One of our roles ran it, and whether it is our own nobody has seen.
    pub unjudged: bool,
}

/// One `Grown` for each entry. Both sides are sorted by key, so one walk over both does it.
///
/// `now` wants `dealloc` and `stats_reset` as read after the scan; the state file wants them as read before its own:
/// then an eviction during either scan cannot hide. `ours` are the roles that the collector runs as.
pub fn grow(entries: &[Entry], previous: Option<&Previous>, now: &Facts, ours: &[u32]) -> Vec<Grown> {
    let Some(previous) = previous else {
        let unknown = |entry: &Entry| {
            let unjudged = ours.contains(&entry.key.userid);
            Grown { growth: None, standing: Standing::FirstSeen, text: Text::NotSent, unjudged }
        };
        return entries.iter().map(unknown).collect();
    };
    let unseen_before = has_unreadable(&previous.records);
    let (mut rest, mut grown) = (previous.records.as_slice(), Vec::with_capacity(entries.len()));
    for same_query in entries.chunk_by(|a, b| a.key.queryid == b.key.queryid) {
        let queryid = same_query[0].key.queryid;
        let from = rest.iter().position(|record| record.key.queryid >= queryid).unwrap_or(rest.len());
        let until = rest[from..].iter().position(|record| record.key.queryid != queryid);
        let records = &rest[from..until.map_or(rest.len(), |length| from + length)];
        rest = &rest[from + records.len()..];
        let texts = Texts::of(records, ours);
        for entry in same_query {
            let (standing, growth) = match records.binary_search_by_key(&entry.key, |record| record.key) {
                Ok(at) => since_record(entry, &records[at], &previous.facts, now),
                Err(_) => (Standing::FirstSeen, first_growth(entry, &previous.facts, unseen_before)),
            };
            let (text, unjudged) = texts.of_user(entry.key.userid);
            grown.push(Grown { growth, standing, text, unjudged });
        }
    }
    grown
}

fn has_unreadable(records: &[Record]) -> bool {
    let at = records.partition_point(|record| record.key.queryid < 0);
    records.get(at).is_some_and(|record| !record.key.readable())
}

/// What is known of one id. A text that went out belongs to the id, whichever database or user it was read under. Whose
/// statement it is belongs to the id and the user: from 16 on our COMMIT has the id of everybody's.
struct Texts<'a> {
    sent: Text,
    own: Vec<u32>,
    /// Users of ours for whom it has to be judged, less those for whom it was.
    ours: &'a [u32],
    judged: Vec<u32>,
}

impl Texts<'_> {
    fn of<'a>(records: &[Record], ours: &'a [u32]) -> Texts<'a> {
        let mut texts = Texts { sent: Text::NotSent, own: Vec::new(), ours, judged: Vec::new() };
        for record in records {
            let userid = record.key.userid;
            match record.text {
                Text::NotSent => continue,
                Text::Own if !texts.own.contains(&userid) => texts.own.push(userid),
                Text::Own => {}
                Text::Sent(_) => texts.sent = record.text,
            }
            if ours.contains(&userid) && !texts.judged.contains(&userid) {
                texts.judged.push(userid);
            }
        }
        texts
    }

    /// And whether it is to be judged.
    fn of_user(&self, userid: u32) -> (Text, bool) {
        match self.own.contains(&userid) {
            true => (Text::Own, false),
            false => (self.sent, self.ours.contains(&userid) && !self.judged.contains(&userid)),
        }
    }
}

/// All that a new entry counted happened since the last run, unless it was there and we could not see it.
fn first_growth(entry: &Entry, before: &Facts, unseen_before: bool) -> Option<Growth> {
    let known = match entry.stats_since_us {
        Some(since_us) => since_us > before.taken_at_us,
        None => entry.key.readable() && !unseen_before,
    };
    known.then(|| whole(entry, entry.stats_since_us.unwrap_or(before.taken_at_us)))
}

fn since_record(entry: &Entry, record: &Record, before: &Facts, now: &Facts) -> (Standing, Option<Growth>) {
    let standing = standing(entry, record, before, now);
    let growth = match standing {
        Standing::Reset | Standing::EvictedAndReturned => {
            let reset_us = now.stats_reset_us.filter(|_| standing == Standing::Reset);
            let since_us = entry.stats_since_us.or(reset_us).unwrap_or(before.taken_at_us);
            whole(entry, since_us.max(before.taken_at_us))
        }
        _ => Growth {
            calls: (entry.calls - record.calls).max(0),
            time_us: (entry.time_us - record.time_us).max(0),
            since_us: before.taken_at_us,
        },
    };
    (standing, Some(growth))
}

fn standing(entry: &Entry, record: &Record, before: &Facts, now: &Facts) -> Standing {
    if !entry.key.readable() {
        return Standing::Unproven;
    }
    let fell = entry.calls < record.calls || entry.time_us < record.time_us;
    let reset = before.stats_reset_us != now.stats_reset_us && now.stats_reset_us.is_some();
    // Without evictions, an entry that started again was reset by hand, alone.
    let nothing_evicted = before.dealloc.is_some() && before.dealloc == now.dealloc;
    let started_again = || {
        let restarted = now.dealloc.is_none() && before.postmaster_start_us != now.postmaster_start_us;
        if reset || nothing_evicted || restarted { Standing::Reset } else { Standing::EvictedAndReturned }
    };
    match entry.stats_since_us {
        Some(since_us) => {
            let tag = since_tag(entry.stats_since_us);
            let same = record.since_tag == tag || (record.since_tag == 0 && since_us <= before.taken_at_us);
            if same && !fell { Standing::Exact } else { started_again() }
        }
        None if reset && before.stats_reset_us.is_some() => Standing::Reset,
        None if fell => started_again(),
        None if nothing_evicted => Standing::Exact,
        None => Standing::Unproven,
    }
}

fn whole(entry: &Entry, since_us: i64) -> Growth {
    Growth { calls: entry.calls, time_us: entry.time_us, since_us }
}

#[cfg(test)]
mod tests;
