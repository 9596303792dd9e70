//! Which statements go into the batch: those that grew first. Pure; knows neither the server nor the clock.
//!
//! A database's places are given out in turns to most time grown, most calls grown and first seen, so that a cheap
//! statement called very often and one that turned up a minute ago are in, however heavy the rest. On the first run
//! totals stand in for growth. What did not grow fills the places left.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::entry::{Entry, fold};
use super::growth::{Grown, Growth, Standing, grow};
use super::learn::Learned;
use super::previous::{Facts, Previous, Record, Text};
use super::share::Share;

/// Statements of one server in one run, however many databases are watched.
pub const RUN_LIMIT: usize = 10_000;
/// Texts that a backend may ask for at once; their statements come on top of a database's own limit.
pub const WANTED_LIMIT: usize = 100;
/// Statements of one database, and of a run, that stand by in case chosen ones turn out to be the collector's own.
const SPARE_LIMIT: usize = 64;
const SPARE_RUN_LIMIT: usize = 1_000;

/// What the run was asked to do.
pub struct Scope<'a> {
    /// Databases whose statements may leave this host.
    pub watched: &'a [u32],
    /// Statements of one database.
    pub limit: usize,
    /// Ids whose text the backend lacks.
    pub wanted: &'a [i64],
    /// The roles that the collector runs as.
    pub ours: &'a [u32],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub entry: Entry,
    /// Since the last run; nothing on the first, and where nothing is known.
    pub growth: Option<Growth>,
    pub standing: Standing,
    pub text: Text,
    /// One of our roles ran it: its text has to tell whether it is our own.
    pub unjudged: bool,
    /// Takes the place of one that turns out to be the collector's own, or none: see [`super::settle`].
    pub spare: bool,
}

#[derive(Debug)]
pub struct Ranking {
    /// By database, and there by preference; then those only wanted for their text; then the spare ones.
    pub chosen: Vec<Chosen>,
    /// By database id. Those not watched count, and give nothing away.
    pub databases: Vec<(u32, Share)>,
    pub server: Share,
    pub first_run: bool,
    /// Wanted, but no watched database has them any more.
    pub texts_gone: Vec<i64>,
    /// For each entry, in their order, whether its text went out, and whether it is to be judged nevertheless.
    texts: Vec<(Text, bool)>,
}

/// Sorts and folds `entries`, compares them with the last run, and chooses.
pub fn rank(entries: &mut Vec<Entry>, previous: Option<&Previous>, now: &Facts, scope: &Scope) -> Ranking {
    fold(entries);
    let grown = grow(entries, previous, now, scope.ours);
    let field = Field { entries, grown: &grown, first_run: previous.is_none() };
    let mut contests = contests(&field, scope);
    let places = places(RUN_LIMIT - scope.wanted.len().min(WANTED_LIMIT), scope.limit, &contests, &field);
    let mut taken = vec![false; entries.len()];
    let mut chosen = Vec::with_capacity(places.iter().sum());
    for (contest, &places) in contests.iter_mut().zip(&places) {
        for place in field.choose(&mut contest.candidates, places, &mut taken) {
            contest.share.collected.add(1, field.weight(place));
            chosen.push(field.chosen(place));
        }
    }
    let mut databases: Vec<(u32, Share)> = contests.iter().map(|it| (it.dbid, it.share.clone())).collect();
    let texts_gone = field.add_wanted(scope, &mut taken, &mut chosen, &mut databases);
    field.add_spare(contests.iter_mut().map(|it| &mut it.candidates), &mut taken, &mut chosen);
    let server = whole(&databases);
    let texts = grown.iter().map(|grown| (grown.text, grown.unjudged)).collect();
    Ranking { chosen, databases, server, first_run: previous.is_none(), texts_gone, texts }
}

pub(super) fn whole(databases: &[(u32, Share)]) -> Share {
    let mut server = Share::default();
    databases.iter().for_each(|(_, share)| server.add(share));
    server.configured_limit = server.configured_limit.min(RUN_LIMIT as u64);
    server
}

impl Ranking {
    /// What to keep for the next run: every entry, with what this run learned about texts.
    pub fn records(&self, entries: &[Entry], learned: &Learned) -> impl Iterator<Item = Record> {
        let known = entries.iter().zip(&self.texts);
        known.map(|(entry, &(text, unjudged))| Record::of(entry, learned.text(&entry.key, text, unjudged)))
    }
}

/// One database: its figures, and those of its statements that may be chosen.
struct Contest {
    dbid: u32,
    share: Share,
    candidates: Vec<u32>,
}

struct Field<'a> {
    entries: &'a [Entry],
    grown: &'a [Grown],
    first_run: bool,
}

fn contests(field: &Field, scope: &Scope) -> Vec<Contest> {
    let mut order: Vec<u32> = (0..field.entries.len() as u32).collect();
    let dbid = |&place: &u32| field.entries[place as usize].key.dbid;
    order.sort_unstable_by_key(|place| (dbid(place), *place));
    let contest = |places: &[u32]| {
        let dbid = dbid(&places[0]);
        let watched = scope.watched.contains(&dbid);
        let limit = if watched { scope.limit as u64 } else { 0 };
        let mut share = Share { configured_limit: limit, ..Share::default() };
        places
            .iter()
            .for_each(|&place| share.count(field.entry(place), field.own(place), field.weight(place)));
        let free = |place: &u32| watched && field.entry(*place).key.readable() && !field.own(*place);
        Contest { dbid, share, candidates: places.iter().copied().filter(free).collect() }
    };
    order.chunk_by(|a, b| dbid(a) == dbid(b)).map(contest).collect()
}

/// Places for each database: its limit, or where the run cannot take that many, an even share of what it can: first
/// for what grew, then for the rest.
fn places(budget: usize, limit: usize, contests: &[Contest], field: &Field) -> Vec<usize> {
    let all: Vec<usize> = contests.iter().map(|it| it.candidates.len().min(limit)).collect();
    let grew = |it: &Contest| it.candidates.iter().filter(|&&place| field.weight(place) != (0, 0)).count();
    let moved: Vec<usize> = contests.iter().map(|it| grew(it).min(limit)).collect();
    let mut places = even(budget, &moved);
    let idle: Vec<usize> = all.iter().zip(&places).map(|(all, moved)| all - moved).collect();
    let left = budget - places.iter().sum::<usize>();
    places.iter_mut().zip(even(left, &idle)).for_each(|(places, more)| *places += more);
    places
}

/// Splits the budget so that small demands are met in full and large ones get the same.
fn even(budget: usize, demands: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..demands.len()).collect();
    order.sort_unstable_by_key(|&at| demands[at]);
    let (mut given, mut left) = (vec![0; demands.len()], budget);
    for (served, &at) in order.iter().enumerate() {
        given[at] = demands[at].min(left / (demands.len() - served));
        left -= given[at];
    }
    given
}

impl Field<'_> {
    fn entry(&self, place: u32) -> &Entry {
        &self.entries[place as usize]
    }

    fn own(&self, place: u32) -> bool {
        self.grown[place as usize].text == Text::Own
    }

    /// Calls and time it is ranked by: growth, or totals on the first run.
    fn weight(&self, place: u32) -> (i64, i64) {
        let entry = self.entry(place);
        match self.grown[place as usize].growth {
            Some(growth) => (growth.calls, growth.time_us),
            None if self.first_run => (entry.calls, entry.time_us),
            None => (0, 0),
        }
    }

    fn new_time(&self, place: u32) -> i64 {
        let new = self.grown[place as usize].standing == Standing::FirstSeen;
        if new { self.weight(place).1 } else { 0 }
    }

    fn chosen(&self, place: u32) -> Chosen {
        let Grown { growth, standing, text, unjudged } = self.grown[place as usize];
        Chosen { entry: *self.entry(place), growth, standing, text, unjudged, spare: false }
    }

    fn choose(&self, candidates: &mut Vec<u32>, places: usize, taken: &mut [bool]) -> Vec<u32> {
        let lists = [
            top(candidates, places, |place| self.weight(place).1),
            top(candidates, places, |place| self.weight(place).0),
            top(candidates, places, |place| self.new_time(place)),
        ];
        let mut chosen = take_turns(&lists, places, taken);
        candidates.retain(|&place| !taken[place as usize]);
        for place in
            top(candidates, places - chosen.len(), |place| self.entry(place).time_us.saturating_add(1))
        {
            taken[place as usize] = true;
            chosen.push(place);
        }
        chosen
    }

    /// As many as there are chosen ones whose text nobody has seen: any of those may be the collector's own.
    fn add_spare<'a>(
        &self,
        databases: impl Iterator<Item = &'a mut Vec<u32>>,
        taken: &mut [bool],
        chosen: &mut Vec<Chosen>,
    ) {
        let mut unknown: HashMap<u32, usize> = HashMap::new();
        for it in chosen.iter().filter(|it| it.text == Text::NotSent || it.unjudged) {
            *unknown.entry(it.entry.key.dbid).or_default() += 1;
        }
        let mut left = SPARE_RUN_LIMIT;
        for candidates in databases {
            candidates.retain(|&place| !taken[place as usize]);
            let Some(first) = candidates.first() else { continue };
            let unknown = unknown.get(&self.entry(*first).key.dbid).copied().unwrap_or(0);
            let spare = self.choose(candidates, unknown.min(SPARE_LIMIT).min(left), taken);
            left -= spare.len();
            chosen.extend(spare.into_iter().map(|place| Chosen { spare: true, ..self.chosen(place) }));
        }
    }

    /// Adds what the backend wants the text of and nothing chosen has; returns the ids that are no more.
    fn add_wanted(
        &self,
        scope: &Scope,
        taken: &mut [bool],
        chosen: &mut Vec<Chosen>,
        databases: &mut [(u32, Share)],
    ) -> Vec<i64> {
        let mut gone = Vec::new();
        for &queryid in scope.wanted.iter().take(WANTED_LIMIT) {
            let known = self.places_of(queryid, scope.watched);
            if known.iter().any(|&place| taken[place as usize]) {
                continue;
            }
            let Some(&place) = known.first() else {
                gone.push(queryid);
                continue;
            };
            taken[place as usize] = true;
            let share = databases.iter_mut().find(|(dbid, _)| *dbid == self.entry(place).key.dbid);
            share.into_iter().for_each(|(_, share)| share.collected.add(1, self.weight(place)));
            chosen.push(self.chosen(place));
        }
        gone
    }

    /// Where a statement stands that may leave this host, first where it is surely not our own.
    fn places_of(&self, queryid: i64, watched: &[u32]) -> Vec<u32> {
        let from = self.entries.partition_point(|entry| entry.key.queryid < queryid);
        let same = self.entries[from..].iter().take_while(|entry| entry.key.queryid == queryid).count();
        let may_leave = |&place: &u32| {
            let key = self.entry(place).key;
            watched.contains(&key.dbid) && key.readable() && !self.own(place)
        };
        let mut places: Vec<u32> = (from as u32..(from + same) as u32).filter(may_leave).collect();
        places.sort_by_key(|&place| self.grown[place as usize].unjudged);
        places
    }
}

/// The places with the highest scores above zero, best first; ties go to the smaller key.
fn top(candidates: &mut [u32], count: usize, score: impl Fn(u32) -> i64) -> Vec<u32> {
    if count == 0 {
        return Vec::new();
    }
    let by = |place: &u32| (Reverse(score(*place)), *place);
    if candidates.len() > count {
        candidates.select_nth_unstable_by_key(count, by);
    }
    let best = candidates.len().min(count);
    let mut best: Vec<u32> = candidates[..best].iter().copied().filter(|&place| score(place) > 0).collect();
    best.sort_unstable_by_key(by);
    best
}

/// Half of the turns go to the first list, a quarter to each of the others; a list that ran out passes.
fn take_turns(lists: &[Vec<u32>; 3], places: usize, taken: &mut [bool]) -> Vec<u32> {
    const TURNS: [usize; 4] = [0, 1, 0, 2];
    let mut rest = lists.each_ref().map(|list| list.iter());
    let mut chosen = Vec::with_capacity(places);
    for turn in (0..4).cycle() {
        if chosen.len() == places || rest.iter().all(|list| list.len() == 0) {
            break;
        }
        if let Some(&place) = rest[TURNS[turn]].find(|&&place| !taken[place as usize]) {
            taken[place as usize] = true;
            chosen.push(place);
        }
    }
    chosen
}

#[cfg(test)]
mod tests;
