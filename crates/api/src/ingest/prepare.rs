//! A whole batch as rows that only wait for their number.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;
use wire::Refused;

pub use super::item::Agent;
use super::item::{self, Item, Otherwise};
use super::{Aside, Fault, envelope};
use crate::copy::Rows;
use crate::family::join::raw;
use crate::family::split::{self, Said, Splitter};
use crate::family::{FAMILIES, Family};
use crate::json::{Checked, Value};
use crate::object::{NO_OBJECT, put};
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
    /// What the collector promises between two batches.
    pub interval_s: Option<i64>,
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

/// Told how many bytes the rows take by now; `false` ends it.
pub type Grow<'a> = &'a mut dyn FnMut(usize) -> bool;

/// Either all of it can be stored, or nothing is, and the fault says why.
pub fn prepare(text: &str, collector: Uuid, bounds: &Bounds) -> Result<Prepared, Fault> {
    prepare_within(text, collector, bounds, &mut |_| true)
}

/// Rows can take many times the memory of the text that they come from.
pub fn prepare_within(
    text: &str,
    collector: Uuid,
    bounds: &Bounds,
    grow: Grow<'_>,
) -> Result<Prepared, Fault> {
    let checked = envelope::check(text)?;
    let batch = envelope::read(&checked, collector)?;
    let otherwise = Otherwise { timestamp: batch.timestamp, server: &batch.hostname, strict: batch.strict };
    let mut prepared = Prepared {
        batch_id: batch.batch_id,
        timestamp: batch.timestamp,
        sequence: batch.sequence,
        version: batch.version.map(|version| version.into_owned()),
        interval_s: batch.interval_s,
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
    for (place, sent) in batch.items.into_iter().enumerate() {
        let within = |fault: Fault| Fault::new(path(&format!("metrics[{place}]"), &fault.field), fault.why);
        let item = item::read(&checked, sent, &otherwise).map_err(within)?;
        let of = Place { batch: &checked, place, collector, strict: batch.strict };
        match bounds.refuse(&item) {
            Some(reason) => prepared.set_aside(&of, &item, sent.json, reason, grow).map_err(within)?,
            None => prepared.add(&of, item, grow).map_err(within)?,
        }
    }
    Ok(prepared)
}

/// Of an item, in whose batch.
struct Place<'t, 'a> {
    batch: &'t Checked<'a>,
    place: usize,
    collector: Uuid,
    strict: bool,
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
    /// Bytes of all rows.
    fn size(&self) -> usize {
        self.metrics.size() + self.families.values().map(Rows::size).sum::<usize>()
    }

    /// Only what is sound but for its date.
    fn set_aside<'a>(
        &mut self,
        of: &Place<'_, 'a>,
        item: &Item<'a>,
        sent: &str,
        reason: String,
        grow: Grow<'_>,
    ) -> Result<(), Fault> {
        for (family, list) in &item.families {
            let before = self.size();
            let mut rows = Rows::new(FAMILIES[*family].width());
            split_all(&FAMILIES[*family], of, item, *list, &mut rows, &mut |more| grow(before + more))?;
        }
        let kind = item.kind.clone().into_owned();
        let refused = Refused { index: of.place, kind, field: "timestamp".to_owned(), reason };
        self.aside.push(Aside { refused, text: by_itself(item, sent) });
        Ok(())
    }

    fn add<'a>(&mut self, of: &Place<'_, 'a>, item: Item<'a>, grow: Grow<'_>) -> Result<(), Fault> {
        self.pieces.insert(Piece::of(retention::table_of(&item.kind), item.timestamp));
        self.metric(of, &item);
        for (family, list) in &item.families {
            self.rows(*family, *list, of, &item, grow)?;
        }
        if !grow(self.size()) {
            return Err(Fault::new("", TOO_MUCH));
        }
        self.agent = item.agent.or(self.agent);
        self.items += 1;
        self.records += 1;
        let key = (
            item.kind.into_owned(),
            item.server.into_owned(),
            item.database.map_or(String::new(), |name| name.into_owned()),
        );
        let newest = Newest { timestamp: item.timestamp, place: of.place };
        let known = self.newest.entry(key).or_insert_with(|| newest.clone());
        if known.timestamp <= newest.timestamp {
            *known = newest;
        }
        Ok(())
    }

    fn metric(&mut self, of: &Place, item: &Item) {
        let rows = &mut self.metrics;
        rows.begin(of.place);
        rows.uuid(of.collector);
        rows.time(item.timestamp);
        rows.text(&item.kind);
        rows.text(&item.server);
        match &item.database {
            Some(name) => rows.text(name),
            None => rows.null(),
        }
        rows.json(&item.data);
    }

    fn rows<'a>(
        &mut self,
        number: usize,
        list: Value<'a>,
        of: &Place<'_, 'a>,
        item: &Item,
        grow: Grow<'_>,
    ) -> Result<(), Fault> {
        let family = &FAMILIES[number];
        self.pieces.insert(Piece::of(FAMILY + number, item.timestamp));
        let others = self.size() - self.families.get(&number).map_or(0, Rows::size);
        let rows = self.families.entry(number).or_insert_with(|| Rows::new(family.width()));
        let said = split_all(family, of, item, list, rows, &mut |size| grow(others + size))?;
        self.records += said.len();
        for said in said {
            let Some(hash) = said.hash else { continue };
            let text = self.statements.entry((item.server.clone().into_owned(), hash)).or_default();
            *text = text.take().or(said.text.map(|text| text.into_owned()));
        }
        Ok(())
    }
}

const TOO_MUCH: &str = "takes too much memory";

/// What the rows say besides their columns. `grow` is told their size.
fn split_all<'a>(
    family: &Family,
    of: &Place<'_, 'a>,
    item: &Item,
    list: Value<'a>,
    rows: &mut Rows,
    grow: Grow<'_>,
) -> Result<Vec<Said<'a>>, Fault> {
    let shared = split::Of {
        place: of.place,
        collector: of.collector,
        timestamp: item.timestamp,
        server: &item.server,
        database: item.database.as_deref(),
        strict: of.strict,
    };
    let (mut splitter, mut all) = (Splitter::new(family, shared), Vec::new());
    for (position, row) in of.batch.elements(list).into_iter().flatten().enumerate() {
        let within =
            |fault: Fault| Fault::new(path(&format!("{}[{position}]", family.rows), &fault.field), fault.why);
        let fields = of.batch.fields(row).ok_or_else(|| within(Fault::new("", NO_OBJECT)))?;
        let position = i32::try_from(position).unwrap_or(i32::MAX);
        let said = splitter.split(position, fields, rows).map_err(within)?;
        if !grow(rows.size()) {
            return Err(within(Fault::new("", TOO_MUCH)));
        }
        all.push(said);
    }
    Ok(all)
}

/// An item that has with it what it left to its batch.
fn by_itself(item: &Item, sent: &str) -> String {
    let mut text = sent.to_owned();
    let moment = item.timestamp.to_string();
    let lent = [("server", item.own.0, item.server.as_ref()), ("timestamp", item.own.1, moment.as_str())];
    for (name, _, value) in lent.into_iter().filter(|(_, own, _)| !own) {
        text.truncate(text.len() - 1);
        put(&mut text, name, raw(&value).get());
        text.push('}');
    }
    text
}
