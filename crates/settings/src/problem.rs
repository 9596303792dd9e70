//! What is wrong with a configuration, told with its place, all of it at once and in the order of the file.
//!
//! Owns the collecting and the printing. Refuses to quote values that are text: one of them may be a password
//! that slipped into the wrong line.

use std::fmt;
use std::path::{Path, PathBuf};

/// One thing to mend. `line` 0: the file, or the environment, as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: PathBuf,
    pub line: usize,
    pub column: usize,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match (self.line, self.column) {
            (0, _) => write!(f, "{file}: {}", self.message),
            (line, column) => write!(f, "{file}:{line}:{column}: {}", self.message),
        }
    }
}

/// Everything that is wrong, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Where a value came from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Byte offset in the configuration file.
    Byte(usize),
    /// Line of another file: a service file, a password file.
    Line(PathBuf, usize),
    Environment,
}

/// Collects what is found on the way from text to a configuration.
pub struct Report<'a> {
    file: &'a Path,
    text: &'a str,
    problems: Vec<(Place, Problem)>,
    warnings: Vec<(Place, Problem)>,
}

impl<'a> Report<'a> {
    pub fn new(file: &'a Path, text: &'a str) -> Self {
        Report { file, text, problems: Vec::new(), warnings: Vec::new() }
    }

    pub fn problem(&mut self, place: &Place, message: impl Into<String>) {
        let problem = self.at(place, message.into());
        self.problems.push((place.clone(), problem));
    }

    pub fn warn(&mut self, place: &Place, message: impl Into<String>) {
        let warning = self.at(place, message.into());
        self.warnings.push((place.clone(), warning));
    }

    pub fn count(&self) -> usize {
        self.problems.len()
    }

    /// True when this line already has a problem: what else is odd about it follows from that.
    pub fn spoilt(&self, offset: usize) -> bool {
        if self.problems.is_empty() {
            return false;
        }
        let (line, _) = position(self.text, offset);
        self.problems.iter().any(|(place, p)| matches!(place, Place::Byte(_)) && p.line == line)
    }

    /// What is only odd in a file that somebody wrote is wrong in one that a program sent.
    pub fn strict(&mut self) {
        self.problems.append(&mut self.warnings);
    }

    pub fn finish<T>(mut self, value: T) -> Result<(T, Vec<String>), Problems> {
        self.problems.sort_by(|a, b| a.0.cmp(&b.0));
        self.warnings.sort_by(|a, b| a.0.cmp(&b.0));
        if self.problems.is_empty() {
            Ok((value, self.warnings.into_iter().map(|(_, warning)| warning.to_string()).collect()))
        } else {
            Err(Problems(self.problems.into_iter().map(|(_, problem)| problem).collect()))
        }
    }

    fn at(&self, place: &Place, message: String) -> Problem {
        let (file, line, column) = match place {
            Place::Byte(offset) => {
                let (line, column) = position(self.text, *offset);
                (self.file.to_path_buf(), line, column)
            }
            Place::Line(file, line) => (file.clone(), *line, 1),
            Place::Environment => (PathBuf::from("environment"), 0, 0),
        };
        Problem { file, line, column, message }
    }
}

/// Line and column, both from 1; the column counts characters, as editors do.
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The known name that was probably meant.
pub fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let limit = (name.chars().count() / 3).max(2);
    let distances = known.into_iter().map(|k| (strsim::osa_distance(name, k), k));
    distances.filter(|(distance, _)| *distance <= limit).min_by_key(|(distance, _)| *distance).map(|(_, k)| k)
}

/// A name from the file, fit for a message: anything that is no plain key might be a misplaced secret.
pub fn shown(name: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.len() <= 40 && name.chars().all(plain) { name } else { "(not a plain name)" }
}
