//! The board: items under way, each waiting for its parts. A complete item is encoded, goes into the batch, and is
//! forgotten.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use wire::{ItemHead, Outcome, Reason, Verdict};

use super::part::{Done, Fragment, thousandths};
use super::plan::ItemKey;
use super::registry;
use crate::batch::Batch;

/// A place: an item of one server, or of the host (`server` is then the host's name).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub server: String,
    pub key: ItemKey,
}

pub struct Board {
    timestamp: String,
    pending: BTreeMap<Place, Pending>,
    /// Every outcome that came in, for the report: collector, part, outcome.
    pub told: Vec<Told>,
}

pub struct Told {
    pub place: Place,
    pub part: &'static str,
    pub outcome: Outcome,
}

struct Pending {
    expected: Vec<&'static str>,
    done: Vec<Done>,
}

impl Board {
    pub fn new(timestamp: String) -> Board {
        Board { timestamp, pending: BTreeMap::new(), told: Vec::new() }
    }

    pub fn expect(&mut self, place: Place, parts: &[&'static str]) {
        let pending = self.pending.entry(place).or_insert(Pending { expected: Vec::new(), done: Vec::new() });
        pending.expected.extend_from_slice(parts);
    }

    /// Takes a finished part in; an item that it completes goes into the batch.
    pub fn add(&mut self, place: &Place, done: Done, batch: &mut Batch) -> Result<()> {
        let Some(pending) = self.pending.get_mut(place) else { return Ok(()) };
        if !pending.expected.contains(&done.key) || pending.done.iter().any(|d| d.key == done.key) {
            return Ok(());
        }
        self.told.push(Told { place: place.clone(), part: done.key, outcome: done.outcome.clone() });
        pending.done.push(done);
        if pending.done.len() < pending.expected.len() {
            return Ok(());
        }
        let pending = self.pending.remove(place);
        match pending {
            Some(pending) => self.finish(place, pending.done, batch),
            None => Ok(()),
        }
    }

    /// The time is up: what is missing is named, and everything goes into the batch.
    pub fn close(&mut self, batch: &mut Batch) -> Result<()> {
        let late = Outcome::skipped(Reason::OutOfTime).detail("the run's time was up before it answered");
        let all = std::mem::take(&mut self.pending);
        all.into_iter().try_for_each(|(place, pending)| self.fill(&place, pending, &late, batch))
    }

    /// A server will not answer any more: `outcome` stands for all that it still owes.
    pub fn give_up(&mut self, server: &str, outcome: &Outcome, batch: &mut Batch) -> Result<()> {
        // A server may bear the name of its host, whose own items are none of its business.
        let asked = |p: &&Place| p.server == server && registry::is_asked(p.key.collector);
        let owed: Vec<Place> = self.pending.keys().filter(asked).cloned().collect();
        for place in owed {
            if let Some(pending) = self.pending.remove(&place) {
                self.fill(&place, pending, outcome, batch)?;
            }
        }
        Ok(())
    }

    fn fill(&mut self, place: &Place, pending: Pending, outcome: &Outcome, batch: &mut Batch) -> Result<()> {
        let Pending { expected, mut done } = pending;
        for key in expected {
            if done.iter().all(|d| d.key != key) {
                self.told.push(Told { place: place.clone(), part: key, outcome: outcome.clone() });
                done.push(Done { key, fragment: Fragment::Nothing, outcome: outcome.clone() });
            }
        }
        self.finish(place, done, batch)
    }

    /// Parts that have answered, and parts expected so far.
    pub fn progress(&self) -> (usize, usize) {
        let open: usize = self.pending.values().map(|p| p.expected.len() - p.done.len()).sum();
        (self.told.len(), self.told.len() + open)
    }

    fn finish(&self, place: &Place, done: Vec<Done>, batch: &mut Batch) -> Result<()> {
        done.iter().for_each(|d| batch.count(d.outcome.verdict));
        let head = ItemHead {
            kind: place.key.collector.to_owned(),
            timestamp: self.timestamp.clone(),
            server: place.server.clone(),
            database: place.key.database.clone(),
            outcome: verdict(&done),
            took_ms: thousandths(done.iter().map(|d| d.outcome.took_ms).sum()),
        };
        batch.item(&encode(&head, &done)?)
    }
}

/// An item is as good as its worst part. What a version or a standby lacks takes nothing away from the others.
fn verdict(done: &[Done]) -> Verdict {
    let harmless = |o: &Outcome| {
        o.verdict == Verdict::Skipped && matches!(o.reason, Some(Reason::Version | Reason::NotApplicable))
    };
    let worst = done.iter().map(|d| &d.outcome).filter(|o| !harmless(o)).map(|o| o.verdict).max();
    let any_good = done.iter().any(|d| d.outcome.verdict <= Verdict::Partial);
    match worst {
        Some(Verdict::Skipped) if any_good => Verdict::Partial,
        Some(worst) => worst,
        None => Verdict::Skipped,
    }
}

/// The one function that writes an item: head, fields, values under their parts' keys, then `parts`.
fn encode(head: &ItemHead, done: &[Done]) -> Result<Vec<u8>> {
    let mut json = serde_json::to_vec(head)?;
    json.pop();
    for part in done {
        match &part.fragment {
            Fragment::Nothing => {}
            Fragment::Fields(fields) if fields.is_empty() => {}
            Fragment::Fields(fields) => {
                json.push(b',');
                json.extend_from_slice(fields);
            }
            Fragment::Value(value) => {
                write!(json, ",\"{}\":", part.key)?;
                json.extend_from_slice(value);
            }
        }
    }
    let parts: BTreeMap<&str, &Outcome> = done.iter().map(|d| (d.key, &d.outcome)).collect();
    json.extend_from_slice(b",\"parts\":");
    serde_json::to_writer(&mut json, &parts)?;
    json.push(b'}');
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(database: &str) -> Place {
        let key = ItemKey { collector: "pg_stats", database: Some(database.to_owned()) };
        Place { server: "main".to_owned(), key }
    }

    fn batch() -> Batch {
        let text = String::new;
        Batch::open(wire::Head {
            schema: 1,
            batch_id: "b".into(),
            sequence: 1,
            part_of: None,
            collector_id: "c".into(),
            hostname: "h".into(),
            timestamp: text(),
            started_at: text(),
            version: text(),
            interval_s: 60,
        })
        .unwrap()
    }

    fn read(batch: Batch) -> wire::Batch {
        serde_json::from_slice(&crate::batch::inflate(&batch.seal().unwrap().bytes).unwrap()).unwrap()
    }

    #[test]
    fn an_item_waits_for_all_its_parts_and_is_one_flat_object() {
        let (mut board, mut batch) = (Board::new("now".into()), batch());
        board.expect(place("app"), &["database", "tables"]);
        board
            .add(
                &place("app"),
                Done::ok("database", Fragment::Fields(br#""size_bytes":7"#.to_vec()), 1),
                &mut batch,
            )
            .unwrap();
        assert_eq!(batch.items(), 0);
        board.add(&place("app"), Done::ok("tables", Fragment::Value(b"[]".to_vec()), 0), &mut batch).unwrap();
        assert_eq!(board.progress(), (2, 2));
        let item: serde_json::Value = serde_json::from_str(read(batch).metrics[0].get()).unwrap();
        assert_eq!(item["type"], "pg_stats");
        assert_eq!(item["database"], "app");
        assert_eq!(item["size_bytes"], 7);
        assert_eq!(item["tables"], serde_json::json!([]));
        assert_eq!(item["outcome"], "ok");
        assert_eq!(item["parts"]["tables"]["rows"], 0);
    }

    #[test]
    fn what_never_came_is_named_and_nothing_counts_twice() {
        let (mut board, mut batch) = (Board::new("now".into()), batch());
        board.expect(place("app"), &["database", "tables"]);
        for _ in 0..2 {
            board.add(&place("app"), Done::ok("database", Fragment::Nothing, 1), &mut batch).unwrap();
        }
        board.add(&place("other"), Done::ok("database", Fragment::Nothing, 1), &mut batch).unwrap();
        board.close(&mut batch).unwrap();
        let read = read(batch);
        assert_eq!(read.metrics_count, 1);
        assert_eq!((read.outcomes.ok, read.outcomes.skipped), (1, 1));
        let item: serde_json::Value = serde_json::from_str(read.metrics[0].get()).unwrap();
        assert_eq!(item["outcome"], "partial");
        assert_eq!(item["parts"]["tables"]["reason"], "out_of_time");
    }

    #[test]
    fn an_item_is_as_good_as_its_worst_part() {
        let of = |outcomes: &[Outcome]| {
            let done: Vec<Done> = outcomes
                .iter()
                .map(|o| Done { key: "x", fragment: Fragment::Nothing, outcome: o.clone() })
                .collect();
            verdict(&done)
        };
        let ok = Outcome::default;
        assert_eq!(of(&[ok(), ok()]), Verdict::Ok);
        assert_eq!(of(&[ok(), Outcome::skipped(Reason::Version)]), Verdict::Ok);
        assert_eq!(of(&[ok(), Outcome::skipped(Reason::Shed)]), Verdict::Partial);
        assert_eq!(of(&[ok(), Outcome::failed(Reason::Timeout)]), Verdict::Failed);
        assert_eq!(of(&[Outcome::skipped(Reason::Version)]), Verdict::Skipped);
        assert_eq!(of(&[Outcome::skipped(Reason::ServerRefused)]), Verdict::Skipped);
    }
}
