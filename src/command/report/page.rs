//! The report on a terminal: eighty columns, the worst first, no byte of a name that acts.

use super::Told;
use super::text::{shortened, statement, width, wrapped};
use crate::findings::{Finding, Place, Severity, Step};

const WIDTH: usize = 80;
/// What stands below a finding's first line.
const INDENT: usize = 5;
/// Beyond these of a kind, how many more there are says enough.
const OF_A_KIND: usize = 5;
/// Lines of an object, which may be a statement.
const OBJECT_LINES: usize = 3;

const BOLD: &str = "1";

pub(super) fn page(told: &Told, colours: bool) -> String {
    let mut page = Page { text: String::new(), colours };
    page.paragraph("pgAnalytics report", BOLD);
    told.about.iter().for_each(|line| page.lines(line, 0));
    for severity in Severity::WORST_FIRST {
        page.findings(severity, &told.findings);
    }
    if told.findings.is_empty() {
        page.gap();
        page.paragraph("Nothing needs attention.", BOLD);
    }
    page.unseen(told);
    page.looked(told);
    page.text
}

struct Page {
    text: String,
    colours: bool,
}

impl Page {
    fn push(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn gap(&mut self) {
        self.text.push('\n');
    }

    fn painted(&self, text: &str, colour: &str) -> String {
        if self.colours { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn paragraph(&mut self, text: &str, colour: &str) {
        for line in wrapped(text, WIDTH) {
            let line = self.painted(&line, colour);
            self.push(&line);
        }
    }

    fn lines(&mut self, text: &str, indent: usize) {
        for line in wrapped(text, WIDTH - indent) {
            self.push(&format!("{:indent$}{line}", ""));
        }
    }

    fn findings(&mut self, severity: Severity, all: &[Finding]) {
        let of_it: Vec<(usize, &Finding)> =
            all.iter().enumerate().filter(|(_, f)| f.severity == severity).collect();
        if of_it.is_empty() {
            return;
        }
        self.gap();
        let title = format!("{} ({})", severity.word().to_uppercase(), of_it.len());
        self.paragraph(&title, colour(severity));
        for group in of_it.chunk_by(|(_, a), (_, b)| a.what == b.what) {
            for (n, (number, finding)) in group.iter().take(OF_A_KIND).enumerate() {
                self.finding(number + 1, finding, n == 0);
            }
            if let Some(more) = group.len().checked_sub(OF_A_KIND).filter(|more| *more > 0) {
                self.lines(&format!("... and {more} more of this kind: --html lists them all"), INDENT);
            }
        }
    }

    /// Why it matters is said once for each kind.
    fn finding(&mut self, number: usize, finding: &Finding, first: bool) {
        let start = format!("{number:3}. {}", finding.what);
        let place = shortened(&whereabouts(&finding.place), WIDTH.saturating_sub(width(&start) + 2));
        let between = WIDTH - width(&start) - width(&place);
        let start = self.painted(&start, BOLD);
        self.push(&format!("{start}{:between$}{place}", ""));
        if let Some(object) = &finding.place.object {
            let room = WIDTH - INDENT;
            let object = shortened(object, OBJECT_LINES * room - room / 2);
            self.lines(&object, INDENT);
        }
        self.lines(&finding.figure, INDENT);
        if first {
            self.lines(finding.why, INDENT);
        }
        finding.next.iter().for_each(|step| self.step(step));
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Do(text) => {
                for (n, line) in wrapped(text, WIDTH - INDENT - 3).into_iter().enumerate() {
                    self.push(&format!("{:INDENT$}{} {line}", "", if n == 0 { "->" } else { "  " }));
                }
            }
            Step::Sql(sql) => match statement(&format!("{sql};"), WIDTH - INDENT - 3) {
                Some(lines) => {
                    lines.iter().for_each(|line| self.push(&format!("{:1$}{line}", "", INDENT + 3)))
                }
                None => self.lines("(a statement with names too long for this page: see --html)", INDENT + 3),
            },
        }
    }

    fn unseen(&mut self, told: &Told) {
        if told.unseen.is_empty() {
            return;
        }
        self.gap();
        self.paragraph(&format!("NOT LOOKED AT ({})", told.unseen.len()), BOLD);
        for gap in &told.unseen {
            let server = if gap.server.is_empty() { String::new() } else { format!("{}: ", gap.server) };
            let lines = wrapped(&format!("{server}{}: {}", gap.what, gap.why), WIDTH - INDENT);
            for (n, line) in lines.into_iter().enumerate() {
                self.push(&format!("{:>INDENT$}{line}", if n == 0 { "- " } else { "" }));
            }
        }
    }

    fn looked(&mut self, told: &Told) {
        let looked = &told.looked;
        self.gap();
        let servers = match looked.servers.len() {
            0 => "no server".to_owned(),
            _ => looked.servers.join(", "),
        };
        self.lines(&format!("Looked at {servers}: {}.", looked.counts), 0);
        self.lines(&format!("For {}.", looked.about.join(", ")), 0);
    }
}

fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "1;31",
        Severity::Warning => "1;33",
        Severity::Notice => "1;36",
    }
}

pub(super) fn whereabouts(place: &Place) -> String {
    match &place.database {
        Some(database) => format!("{} / {database}", place.server),
        None => place.server.clone(),
    }
}
