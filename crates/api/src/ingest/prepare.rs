//! A whole batch as rows that only wait for their number.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::value::RawValue;
use uuid::Uuid;
use wire::Refused;

pub use super::item::Agent;
use super::item::{self, Item, Otherwise};
use super::{Aside, Fault, envelope};
use crate::copy::Rows;
use crate::family::{self, FAMILIES};
use crate::object::Object;
use crate::retention::{self, FAMILY, Piece, Retention};

/// What may be stored, seen from now.
#[derive(Clone, Debug)]
pub struct Bounds {
    pub now: Timestamp,
    /// Clocks differ, by so much at most.
    pub ahead: SignedDuration,
    pub retention: Retention,
}

/// The newest item of a kind and place.
#[derive(Clone, Debug, PartialEq)]
pub struct Newest {
    pub timestamp: Timestamp,
    pub place: usize,
}

#[derive(Debug)]
pub struct Prepared {
    pub batch_id: String,
    pub timestamp: Timestamp,
    pub sequence: Option<i64>,
    pub version: Option<String>,
    pub items: usize,
    /// Items, and rows of families.
    pub records: usize,
    pub metrics: Rows,
    /// By family; those without rows are not there.
    pub families: BTreeMap<usize, Rows>,
    /// Partitions that the rows go to.
    pub pieces: BTreeSet<Piece>,
    /// By type, server, database: in the order in which everybody locks them.
    pub newest: BTreeMap<(String, String, String), Newest>,
    /// Statements by server and id, with the text of those that brought it.
    pub statements: BTreeMap<(String, i64), Option<String>>,
    pub agent: Option<Agent>,
    pub aside: Vec<Aside>,
}

const METRICS_WIDTH: usize = 7;
pub const METRICS_COLUMNS: &str = "id, collector_id, \"timestamp\", type, server, database, data";

/// Either all of it can be stored, or nothing is, and the fault says why.
pub fn prepare(text: &str, collector: Uuid, bounds: &Bounds) -> Result<Prepared, Fault> {
    let batch = envelope::read(text, collector)?;
    let otherwise = Otherwise { timestamp: batch.timestamp, server: &batch.hostname, strict: batch.strict };
    let mut prepared = Prepared {
        batch_id: batch.batch_id,
        timestamp: batch.timestamp,
        sequence: batch.sequence,
        version: batch.version.map(|version| version.into_owned()),
        items: 0,
        records: 0,
        metrics: Rows::new(METRICS_WIDTH),
        families: BTreeMap::new(),
        pieces: BTreeSet::new(),
        newest: BTreeMap::new(),
        statements: BTreeMap::new(),
        agent: None,
        aside: Vec::new(),
    };
    for (place, raw) in batch.items.iter().enumerate() {
        let within = |fault: Fault| Fault::new(path(&format!("metrics[{place}]"), &fault.field), fault.why);
        let item = item::read(raw, &otherwise).map_err(within)?;
        match bounds.refuse(&item) {
            Some(reason) => prepared.set_aside(place, &item, raw, reason),
            None => prepared.add(place, item, collector, batch.strict).map_err(within)?,
        }
    }
    Ok(prepared)
}

fn path(parent: &str, field: &str) -> String {
    match field {
        "" => parent.to_owned(),
        _ => format!("{parent}.{field}"),
    }
}

impl Bounds {
    fn refuse(&self, item: &Item) -> Option<String> {
        if item.timestamp > self.now.saturating_add(self.ahead).unwrap_or(Timestamp::MAX) {
            return Some(format!(
                "it is dated more than {} s ahead of the server's clock",
                self.ahead.as_secs()
            ));
        }
        let oldest = self.retention.oldest(&item.kind, self.now);
        (item.timestamp < oldest).then(|| "it is older than what is kept of its type".to_owned())
    }
}

impl Prepared {
    fn set_aside(&mut self, index: usize, item: &Item, raw: &RawValue, reason: String) {
        let refused =
            Refused { index, kind: item.kind.clone().into_owned(), field: "timestamp".to_owned(), reason };
        self.aside.push(Aside { refused, text: raw.get().to_owned() });
    }

    fn add(&mut self, place: usize, item: Item, collector: Uuid, strict: bool) -> Result<(), Fault> {
        self.pieces.insert(Piece::of(retention::table_of(&item.kind), item.timestamp));
        self.metric(place, &item, collector);
        for (family, rows) in &item.families {
            self.rows(*family, rows, place, &item, collector, strict)?;
        }
        self.agent = item.agent.or(self.agent);
        self.items += 1;
        self.records += 1;
        let key = (
            item.kind.into_owned(),
            item.server.into_owned(),
            item.database.map_or(String::new(), |name| name.into_owned()),
        );
        let newest = Newest { timestamp: item.timestamp, place };
        let known = self.newest.entry(key).or_insert_with(|| newest.clone());
        if known.timestamp <= newest.timestamp {
            *known = newest;
        }
        Ok(())
    }

    fn metric(&mut self, place: usize, item: &Item, collector: Uuid) {
        let rows = &mut self.metrics;
        rows.begin(place);
        rows.uuid(collector);
        rows.time(item.timestamp);
        rows.text(&item.kind);
        rows.text(&item.server);
        match &item.database {
            Some(name) => rows.text(name),
            None => rows.null(),
        }
        rows.json(&item.data);
    }

    fn rows(
        &mut self,
        number: usize,
        raws: &[&RawValue],
        place: usize,
        item: &Item,
        collector: Uuid,
        strict: bool,
    ) -> Result<(), Fault> {
        let family = &FAMILIES[number];
        let of = family::split::Of {
            place,
            collector,
            timestamp: item.timestamp,
            server: &item.server,
            database: item.database.as_deref(),
            strict,
        };
        self.pieces.insert(Piece::of(FAMILY + number, item.timestamp));
        let rows = self.families.entry(number).or_insert_with(|| Rows::new(family.width()));
        for (position, raw) in raws.iter().enumerate() {
            let within = |fault: Fault| {
                Fault::new(path(&format!("{}[{position}]", family.rows), &fault.field), fault.why)
            };
            let object: Object =
                serde_json::from_str(raw.get()).map_err(|_| within(Fault::new("", "must be an object")))?;
            let position = i32::try_from(position).unwrap_or(i32::MAX);
            let said = family::split::split(family, &of, position, &object, rows).map_err(within)?;
            if let Some(hash) = said.hash {
                let text = self.statements.entry((item.server.clone().into_owned(), hash)).or_default();
                *text = text.take().or(said.text.map(|text| text.into_owned()));
            }
        }
        self.records += raws.len();
        Ok(())
    }
}
