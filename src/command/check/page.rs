//! How it is printed: sections of marked lines, no wider than a terminal of 100, and statements as they are to be run.

use std::fmt::Write;

use super::finding::{Finding, Mark, Mend, Then};
use crate::quote::plain;

const WIDTH: usize = 100;

pub(super) struct Page {
    pub(super) text: String,
    /// Who reads it can show more than ASCII.
    fancy: bool,
}

impl Page {
    pub(super) fn new(fancy: bool) -> Page {
        Page { text: String::new(), fancy }
    }

    pub(super) fn section(&mut self, title: &str) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        self.push(&format!("{gap}{}\n", plain(title)));
    }

    pub(super) fn findings(&mut self, found: &[Finding]) {
        found.iter().for_each(|f| self.line(f.mark, &f.text));
    }

    fn line(&mut self, mark: Mark, text: &str) {
        let sign = match (mark, self.fancy) {
            (Mark::Fine, true) => "✓ ",
            (Mark::Fine, false) => "ok",
            (Mark::Advice, _) => "! ",
            (Mark::Trouble, true) => "✗ ",
            (Mark::Trouble, false) => "x ",
        };
        let mut lines = wrapped(&plain(text), WIDTH - 5).into_iter();
        let first = lines.next().unwrap_or_default();
        self.push(&format!("  {sign} {first}\n"));
        lines.for_each(|line| self.push(&format!("     {line}\n")));
    }

    pub(super) fn table(&mut self, table: &str) {
        self.push("\n");
        table.lines().for_each(|line| self.push(&format!("  {}\n", line.trim_end())));
    }

    /// Ready for psql, by database; what has to be loaded anew comes with it.
    pub(super) fn mends(&mut self, found: &[Finding], standby: bool) {
        let place = if standby { " (on its primary; alter system here)" } else { "" };
        let trouble = |f: &&Finding| f.mark == Mark::Trouble;
        self.statements(&format!("To mend{place}"), found.iter().filter(trouble));
        self.statements(&format!("Worth doing{place}"), found.iter().filter(|f| !trouble(f)));
    }

    fn statements<'f>(&mut self, title: &str, found: impl Iterator<Item = &'f Finding>) {
        let mut all: Vec<&Mend> = Vec::new();
        for mend in found.flat_map(|f| &f.mends) {
            if !all.contains(&mend) {
                all.push(mend);
            }
        }
        if all.is_empty() {
            return;
        }
        self.push(&format!("\n  {title}\n"));
        let mut databases: Vec<&Option<String>> = all.iter().map(|m| &m.database).collect();
        databases.sort();
        databases.dedup();
        for database in databases {
            let here: Vec<&&Mend> = all.iter().filter(|m| m.database == *database).collect();
            let place =
                database.as_ref().map_or("any database".to_owned(), |d| format!("database {}", plain(d)));
            self.push(&format!("  -- in {place}:\n"));
            here.iter().for_each(|mend| self.push(&format!("  {};\n", mend.sql)));
            if here.iter().any(|m| m.then == Then::Reload) {
                self.push("  select pg_catalog.pg_reload_conf();\n");
            }
            if here.iter().any(|m| m.then == Then::Restart) {
                self.push("  -- then restart the server\n");
            }
        }
    }

    fn push(&mut self, text: &str) {
        write!(self.text, "{text}").expect("a String takes everything");
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_statements_stay_whole() {
        let mut page = Page::new(false);
        page.section("Here");
        let found = [
            Finding::trouble("word ".repeat(60)).anywhere("alter system set a = 'b'", Then::Reload),
            Finding::trouble("a\u{1b}[31mb").within("x", "c".repeat(200)).anywhere("d", Then::Restart),
        ];
        page.findings(&found);
        page.mends(&found, false);
        let text = &page.text;
        assert!(text.lines().all(|l| l.chars().count() <= WIDTH || l.contains("cccc")), "{text}");
        assert!(text.contains(&format!("  {};\n", "c".repeat(200))) && !text.contains('\u{1b}'));
        let mend = "  -- in any database:\n  alter system set a = 'b';\n  d;\n  select pg_catalog.pg_reload_conf();\n  \
                    -- then restart the server\n  -- in database x:\n";
        assert!(text.contains(mend), "{text}");
    }
}
