//! What a batch consists of, by sensitivity: every byte of it is counted once.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};

use super::leaves::{Leaves, Told, decoded};
use super::reader::{Piece, Reader};
use super::{Sensitivity, of};
use crate::config::{Privacy, Treatment};

/// How many, and how many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub count: u64,
    pub bytes: u64,
}

/// Items of one type, or what stands around all items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    pub items: u64,
    pub of: BTreeMap<Sensitivity, Sum>,
    /// Keys, brackets, commas.
    pub structure: u64,
}

/// The types in alphabetical order, then what stands around the items.
#[derive(Debug, PartialEq, Eq)]
pub struct Manifest {
    pub types: BTreeMap<String, Line>,
    pub envelope: u64,
}

impl Line {
    pub fn bytes(&self) -> u64 {
        self.structure + self.of.values().map(|sum| sum.bytes).sum::<u64>()
    }

    fn add(&mut self, other: &Line) {
        self.items += other.items;
        self.structure += other.structure;
        for (sensitivity, sum) in &other.of {
            let into = self.of.entry(*sensitivity).or_default();
            (into.count, into.bytes) = (into.count + sum.count, into.bytes + sum.bytes);
        }
    }
}

/// Of the text of a whole batch.
pub fn read(text: &[u8]) -> Result<Manifest> {
    let batch: wire::Batch = serde_json::from_slice(text).context("reading the batch that was just made")?;
    let mut types: BTreeMap<String, Line> = BTreeMap::new();
    for item in &batch.metrics {
        let json = item.get().as_bytes();
        let mut leaves = Leaves::of(json);
        let line = line(json, &mut leaves);
        types.entry(leaves.kind).or_default().add(&line);
    }
    let items: u64 = types.values().map(Line::bytes).sum();
    Ok(Manifest { types, envelope: text.len() as u64 - items })
}

/// Of one item.
fn line(json: &[u8], leaves: &mut Leaves) -> Line {
    let mut line = Line { items: 1, ..Line::default() };
    let mut reader = Reader::new(json);
    while let Some(piece) = reader.next() {
        let bytes = piece.bytes() as u64;
        let Piece::Leaf(raw) = piece else {
            line.structure += bytes;
            continue;
        };
        let sensitivity = match leaves.told(reader.path(), raw) {
            Told::Value => Sensitivity::Value,
            Told::As(class) => of(class, &decoded(raw), &decoded(reader.beside())),
            // Nobody has said: then it may be anything.
            Told::Unknown => Sensitivity::Identifier,
        };
        let sum = line.of.entry(sensitivity).or_default();
        (sum.count, sum.bytes) = (sum.count + 1, sum.bytes + bytes);
    }
    line
}

/// As a table for people.
pub fn page(text: &[u8], privacy: Privacy) -> Result<String> {
    let manifest = read(text)?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut header = vec!["type", "items"];
    Sensitivity::ALL.iter().for_each(|it| header.extend([it.name(), "bytes"]));
    header.extend(["structure", "all bytes"]);
    table.set_header(header);
    let mut total = Line { structure: manifest.envelope, ..Line::default() };
    for (kind, line) in &manifest.types {
        table.add_row(row(kind, line));
        total.add(line);
    }
    table.add_row(row("(around them)", &Line { structure: manifest.envelope, ..Line::default() }));
    table.add_row(row("total", &total));
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    Ok(format!(
        "What would leave this host: values of each kind and their bytes, before compression.\n\
         [privacy] query_text = \"{}\", identifiers = \"{}\", client_addresses = \"{}\"\n\n{table}\n",
        if privacy.query_text { "normalized" } else { "none" },
        word(privacy.identifiers),
        word(privacy.client_addresses),
    ))
}

fn row(name: &str, line: &Line) -> Vec<String> {
    let mut cells = vec![name.to_owned(), line.items.to_string()];
    for sensitivity in Sensitivity::ALL {
        let sum = line.of.get(&sensitivity).copied().unwrap_or_default();
        cells.extend([sum.count.to_string(), sum.bytes.to_string()]);
    }
    cells.extend([line.structure.to_string(), line.bytes().to_string()]);
    cells
}

fn word(treatment: Treatment) -> &'static str {
    match treatment {
        Treatment::Keep => "keep",
        Treatment::Hash => "hash",
        Treatment::Drop => "drop",
    }
}
