//! What an operator saw of each fault: exit codes, and the line of the log that tells of it. The table of
//! docs/FAILURES.md is written from this, never by hand.

use std::collections::BTreeMap;
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
    codes: BTreeMap<String, u32>,
    /// How often each line stood there, places and figures left out.
    lines: BTreeMap<String, u32>,
}

impl Seen {
    pub(super) fn note(&mut self, said: &str, runs: &[Run]) {
        let code = |run: &Run| run.code.map_or("killed".to_owned(), |code| code.to_string());
        runs.iter().map(code).for_each(|code| *self.codes.entry(code).or_default() += 1);
        let loud = said.lines().filter(|line| line.contains(" WARN: ") || line.contains(" ERROR: "));
        let unlogged = said.lines().filter(|line| line.starts_with("pganalytics: log file"));
        for line in
            loud.chain(unlogged).filter(|line| !line.contains("Spool buffer: ") || line.contains("dropped"))
        {
            *self.lines.entry(plain(line)).or_default() += 1;
        }
    }

    /// The one that comes with this fault often, and with others seldom: what an earlier fault left behind is told too.
    fn line<'a>(&'a self, happened: u32, everywhere: &BTreeMap<&str, u32>) -> &'a str {
        let often = self.lines.iter().filter(|(_, count)| **count * 4 >= happened);
        let best = often.max_by_key(|(line, count)| {
            u64::from(**count).pow(2) * 1000 / u64::from(everywhere[line.as_str()])
        });
        best.map_or("(nothing)", |(line, _)| line)
    }

    /// The most frequent first.
    fn codes(&self) -> String {
        let mut codes: Vec<_> = self.codes.iter().map(|(code, count)| (*count, code)).collect();
        codes.sort_by(|a, b| b.cmp(a));
        let told: Vec<String> = codes.iter().map(|(count, code)| format!("{code} ({count})")).collect();
        told.join(", ")
    }
}

/// Without its time, and with every number, id and path of this one run made the same.
fn plain(line: &str) -> String {
    let line = line.split_once(" WARN: ").or(line.split_once(" ERROR: ")).map_or(line, |(_, text)| text);
    let mut out = String::new();
    let mut words = line.split(' ').peekable();
    while let Some(word) = words.next() {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let word = match word {
            word if word.starts_with("/tmp/") => "<path>",
            word if word.starts_with("localhost:") => "<backend>",
            word if word.starts_with("127.0.0.1:") => "<server>",
            word if digits > 3 && word.len() > 30 => "<batch>",
            word if digits == word.len() && words.peek() == Some(&"s") => "<n>",
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
        seen.codes.iter().for_each(|(code, count)| *sum.codes.entry(code.clone()).or_default() += count);
        seen.lines.iter().for_each(|(line, count)| *sum.lines.entry(line.clone()).or_default() += count);
    }
    let mut everywhere = BTreeMap::<&str, u32>::new();
    let lines = all.values().flat_map(|seen| &seen.lines);
    lines.for_each(|(line, count)| *everywhere.entry(line).or_default() += count);
    let mut table =
        format!("{BEGIN}\n| fault | happened | exit (runs) | the log says |\n|---|---|---|---|\n");
    for (fault, seen) in &all {
        let happened = fired[fault].0;
        let line = seen.line(happened, &everywhere).replace('|', "\\|");
        writeln!(table, "| {} | {happened} | {} | `{line}` |", fault.name(), seen.codes()).unwrap();
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
