//! What an operator saw of each fault: exit codes, and the line of the log that tells of it. The table of
//! docs/FAILURES.md is written from this, never by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

use super::fault::Fault;
use super::lane::Lane;
use crate::support::home::Run;
use crate::support::top;

pub(super) type Told = BTreeMap<Fault, Seen>;

#[derive(Default)]
pub(super) struct Seen {
    /// How often the fault happened.
    happened: u32,
    codes: BTreeMap<String, u32>,
    /// At how many of those each line stood there, places and figures left out.
    lines: BTreeMap<String, u32>,
}

impl Seen {
    pub(super) fn note(&mut self, said: &str, runs: &[Run]) {
        self.happened += 1;
        let code = |run: &Run| run.code.map_or("killed".to_owned(), |code| code.to_string());
        runs.iter().map(code).for_each(|code| *self.codes.entry(code).or_default() += 1);
        let loud = said.lines().filter(|line| line.contains(" WARN: ") || line.contains(" ERROR: "));
        let unlogged = said.lines().filter(|line| line.starts_with("pganalytics: log file"));
        let lines: BTreeSet<String> =
            loud.chain(unlogged).map(plain).filter(|line| !is_depth(line)).collect();
        lines.into_iter().for_each(|line| *self.lines.entry(line).or_default() += 1);
    }

    fn add(&mut self, other: &Seen) {
        self.happened += other.happened;
        other.codes.iter().for_each(|(code, count)| *self.codes.entry(code.clone()).or_default() += count);
        other.lines.iter().for_each(|(line, count)| *self.lines.entry(line.clone()).or_default() += count);
    }

    /// At how much of its happenings.
    fn share(&self, line: &str) -> f64 {
        f64::from(self.lines.get(line).copied().unwrap_or(0)) / f64::from(self.happened.max(1))
    }

    /// The most frequent first.
    fn codes(&self) -> String {
        let mut codes: Vec<_> = self.codes.iter().map(|(code, count)| (*count, code)).collect();
        codes.sort_by(|a, b| b.cmp(a));
        let told: Vec<String> = codes.iter().map(|(count, code)| format!("{code} ({count})")).collect();
        told.join(", ")
    }
}

/// Less is chance: what an earlier fault left behind is told too.
const OFTEN: f64 = 0.25;
/// Who says it nearly always may share it with another fault.
const ALWAYS: f64 = 0.75;

/// The line that comes with this fault often, and with others seldom. One that comes with another fault more often is that
/// one's, unless it comes with this one as good as always.
fn line_of(fault: Fault, all: &Told) -> Option<&str> {
    let seen = &all[&fault];
    let own = |line: &str| {
        let share = seen.share(line);
        share >= ALWAYS || share >= OFTEN && all.values().all(|other| other.share(line) <= share)
    };
    let worth = |line: &str| seen.share(line).powi(2) / all.values().map(|s| s.share(line)).sum::<f64>();
    let lines = seen.lines.keys().map(String::as_str).filter(|line| own(line));
    lines.max_by(|a, b| worth(a).total_cmp(&worth(b)))
}

/// How much waits is said after every failure, whatever the fault.
fn is_depth(line: &str) -> bool {
    line.starts_with("Spool buffer: ") && line.contains(" batches, ") && line.contains(" kB, oldest ")
}

/// Without its time, and with every number, id and path of this one run made the same.
fn plain(line: &str) -> String {
    let line = line.split_once(" WARN: ").or(line.split_once(" ERROR: ")).map_or(line, |(_, text)| text);
    let mut out = String::new();
    let mut words = line.split(' ').peekable();
    while let Some(word) = words.next() {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let unit = words.peek().is_some_and(|unit| ["s", "batches", "oldest"].contains(unit));
        let word = match word {
            word if word.starts_with("/tmp/") => "<path>",
            word if word.starts_with("localhost:") => "<backend>",
            word if word.starts_with("127.0.0.1:") => "<server>",
            word if digits > 3 && word.len() > 30 => "<batch>",
            word if digits == word.len() && unit => "<n>",
            word => word,
        };
        let _ = write!(out, "{}{word}", if out.is_empty() { "" } else { " " });
    }
    out
}

/// What all lanes saw.
pub(super) fn all(lanes: &[Lane]) -> Told {
    let mut all = Told::new();
    let each = lanes.iter().flat_map(|lane| &lane.told);
    each.for_each(|(fault, seen)| all.entry(*fault).or_default().add(seen));
    all
}

pub(super) fn table(all: &Told) -> String {
    let mut table =
        "| fault | row | happened | exit (runs) | the log says |\n|---|---|---|---|---|\n".to_owned();
    for (fault, seen) in all {
        let (name, row) = (fault.name(), fault.row().map(|row| format!("`{row}`")).unwrap_or_default());
        let line = line_of(*fault, all).map(|line| format!("`{}`", line.replace('|', "\\|")));
        let line = line.as_deref().unwrap_or("(nothing of its own)");
        writeln!(table, "| {name} | {row} | {} | {} | {line} |", seen.happened, seen.codes()).unwrap();
    }
    table
}

const BEGIN: &str = "<!-- written by scripts/faults --write -->\n";
const END: &str = "<!-- as far as here -->\n";

pub(super) fn write(lanes: &[Lane], table: &str) {
    let mut told = format!("{BEGIN}\n{table}\n");
    for lane in lanes {
        writeln!(told, "- PostgreSQL {}: {}", lane.cluster.major, lane.account()).unwrap();
    }
    writeln!(told, "- {} runs in all\n", lanes.iter().map(|lane| lane.runs).sum::<u64>()).unwrap();
    let text = fs::read_to_string(document()).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the document has a place for the table");
    let (_, after) = rest.split_once(END).expect("the table has an end");
    fs::write(document(), format!("{before}{told}{END}{after}")).unwrap();
}

fn document() -> std::path::PathBuf {
    top().join("docs/FAILURES.md")
}

#[cfg(test)]
mod tests {
    use super::super::fault::{Host, Reply, Run as How};
    use super::*;

    /// So many turns, each of which said so.
    fn told(all: &mut Told, fault: Fault, turns: u32, said: &str) {
        (0..turns).for_each(|_| all.entry(fault).or_default().note(said, &[]));
    }

    const MANY: &str = "t WARN: Push failed: localhost:1 answered 429: left alone for 30 s\n";
    const GARBAGE: &str = "t WARN: Push failed: localhost:2 answered 200: that is no acknowledgement\n";
    const DEPTH: &str = "t WARN: Spool buffer: 3 batches, 41 kB, oldest 180s\n";

    #[test]
    fn each_fault_has_the_line_that_is_its_own_or_none() {
        let mut all = Told::new();
        let refused = Fault::Answer(Reply::Refused400);
        told(&mut all, refused, 4, "t ERROR: Spool buffer: 1 batches refused for good: no\n");
        told(&mut all, refused, 4, "t ERROR: Spool buffer: 12 batches refused for good: no\n");
        told(&mut all, Fault::Answer(Reply::TooMany429), 8, &format!("{MANY}{MANY}{DEPTH}"));
        let killed = Fault::Run(How::KilledWhilePushing);
        told(&mut all, killed, 3, MANY);
        told(&mut all, killed, 5, DEPTH);
        let (garbage, short) = (Fault::Answer(Reply::Garbage), Fault::Answer(Reply::TooShort));
        told(&mut all, garbage, 8, GARBAGE);
        told(&mut all, short, 7, GARBAGE);
        told(&mut all, short, 1, "");
        let bound = Fault::Host(Host::SpoolBound);
        told(&mut all, bound, 4, &format!("t WARN: Spool buffer: 1 oldest batches dropped\n{MANY}"));
        told(&mut all, bound, 4, &format!("t WARN: Spool buffer: 7 oldest batches dropped\n{MANY}"));
        let line = |fault| line_of(fault, &all);
        assert_eq!(line(refused), Some("Spool buffer: <n> batches refused for good: no"));
        let many = line(Fault::Answer(Reply::TooMany429));
        assert_eq!(many, Some("Push failed: <backend> answered 429: left alone for <n> s"));
        assert_eq!(line(killed), None, "that is what 429 says");
        assert!(line(garbage).is_some() && line(garbage) == line(short), "both say it always");
        assert_eq!(line(bound), Some("Spool buffer: <n> oldest batches dropped"));
        let killed = "| the run is killed (SIGKILL) as it pushes | `ended` | 8 |  | (nothing of its own) |\n";
        assert!(table(&all).contains(killed), "{}", table(&all));
    }

    #[test]
    fn each_fault_has_a_name_of_its_own_and_a_row_of_the_document() {
        let text = fs::read_to_string(document()).unwrap();
        let first = text.split("\n## ").next().unwrap();
        let rows = first.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
        let rows: BTreeMap<&str, &str> = rows.collect();
        let names: BTreeSet<&str> = Fault::all().into_iter().map(Fault::name).collect();
        assert_eq!(names.len(), Fault::all().len());
        for fault in Fault::all() {
            let row = fault.row().expect("every fault has one");
            assert!(rows.contains_key(row), "{}: no row {row} in {rows:?}", fault.name());
        }
        let cells =
            |rest: &str| rest.trim_end_matches(" |").split(" | ").filter(|cell| !cell.is_empty()).count();
        assert!(rows.values().all(|rest| cells(rest) == 3), "what fails, the data, what to do: {rows:?}");
    }
}
