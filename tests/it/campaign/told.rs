//! What an operator saw of each fault: exit codes, and the line of the log that tells of it. The table of
//! docs/FAILURES.md is written from this, never by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

use super::Fired;
use super::fault::Fault;
use super::lane::Lane;
use crate::support::home::Run;
use crate::support::top;

pub(super) type Told = BTreeMap<Fault, Seen>;

#[derive(Default)]
pub(super) struct Seen {
    codes: BTreeSet<String>,
    /// How often each line stood there, places and figures left out.
    lines: BTreeMap<String, u32>,
}

impl Seen {
    pub(super) fn note(&mut self, said: &str, runs: &[Run]) {
        let code = |run: &Run| run.code.map_or("killed".to_owned(), |code| code.to_string());
        self.codes.extend(runs.iter().map(code));
        let loud = said.lines().filter(|line| line.contains(" WARN: ") || line.contains(" ERROR: "));
        let unlogged = said.lines().filter(|line| line.starts_with("pganalytics: log file"));
        for line in
            loud.chain(unlogged).filter(|line| !line.contains("Spool buffer: ") || line.contains("dropped"))
        {
            *self.lines.entry(plain(line)).or_default() += 1;
        }
    }

    /// The one that comes with this fault and with few others.
    fn line<'a>(&'a self, others: &BTreeMap<&str, usize>) -> &'a str {
        let best =
            self.lines.iter().max_by_key(|(line, count)| (usize::MAX - others[line.as_str()], **count));
        best.map_or("(nothing)", |(line, _)| line)
    }
}

/// Without its time, and with every number, id and path of this one run made the same.
fn plain(line: &str) -> String {
    let line = line.split_once(" WARN: ").or(line.split_once(" ERROR: ")).map_or(line, |(_, text)| text);
    let mut out = String::new();
    for word in line.split(' ') {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let word = match word {
            word if word.starts_with("/tmp/") => "<path>",
            word if word.starts_with("localhost:") => "<backend>",
            word if word.starts_with("127.0.0.1:") => "<server>",
            word if digits > 3 && word.len() > 30 => "<batch>",
            word => word,
        };
        let _ = write!(out, "{}{word}", if out.is_empty() { "" } else { " " });
    }
    out
}

const BEGIN: &str = "<!-- written by scripts/faults --write -->\n";
const END: &str = "<!-- as far as here -->\n";

pub(super) fn write(lanes: &[Lane], fired: &Fired) {
    let mut all: Told = Told::new();
    for (fault, seen) in lanes.iter().flat_map(|lane| &lane.told) {
        let sum = all.entry(*fault).or_default();
        sum.codes.extend(seen.codes.iter().cloned());
        seen.lines.iter().for_each(|(line, count)| *sum.lines.entry(line.clone()).or_default() += count);
    }
    let mut spread = BTreeMap::<&str, usize>::new();
    all.values().flat_map(|seen| seen.lines.keys()).for_each(|line| *spread.entry(line).or_default() += 1);
    let mut table = format!("{BEGIN}\n| fault | happened | exit | the log says |\n|---|---|---|---|\n");
    for (fault, seen) in &all {
        let codes: Vec<&str> = seen.codes.iter().map(String::as_str).collect();
        let line = seen.line(&spread).replace('|', "\\|");
        writeln!(table, "| {} | {} | {} | `{line}` |", fault.name(), fired[fault].0, codes.join(", "))
            .unwrap();
    }
    table += "\n";
    for lane in lanes {
        writeln!(table, "- PostgreSQL {}: {}", lane.cluster.major, lane.account()).unwrap();
    }
    writeln!(table, "- {} runs in all\n", lanes.iter().map(|lane| lane.runs).sum::<u64>()).unwrap();
    let path = top().join("docs/FAILURES.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the document has a place for the table");
    let (_, after) = rest.split_once(END).expect("the table has an end");
    fs::write(&path, format!("{before}{table}{END}{after}")).unwrap();
}
