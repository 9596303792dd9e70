//! A file of an earlier release, written anew: what `migrate-config` prints.
//!
//! Owns the way from lines to lines. Every line stays where it is unless it means something else today; then a comment
//! beside it says what changed and why. What names mean is asked of the table of keys and what values may be of its
//! check, so that a file which loads means the same before and after. What cannot be rewritten is a problem with its
//! line; and nothing is given out that a run would not accept.

mod fate;
mod read;
mod value;
mod write;

use std::path::Path;

use super::environment::Environment;
use super::load::{self, Loaded};
use super::problem::{Problem, Problems};

/// The new file, and what a person should know of it.
pub struct Migrated {
    pub text: String,
    pub notes: Vec<String>,
}

/// What every comment of ours begins with.
const MARK: &str = "# migrate-config:";

/// With the process's environment.
pub fn migrate(path: &Path) -> Result<Migrated, Problems> {
    migrate_with(path, &|name| std::env::var(name).ok())
}

pub fn migrate_with(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Migrated, Problems> {
    let text = load::read(path)?;
    if text.trim().is_empty() {
        let what = "it is empty: a shell empties the file behind > before it is read, so print into another";
        return Err(at(path, vec![(0, what.to_owned())]));
    }
    let mut notes = Vec::new();
    let blocks = read::blocks(&text, &mut notes).map_err(|wrong| at(path, wrong))?;
    let fates = fate::settle(&blocks).map_err(|wrong| at(path, wrong))?;
    let lines = write::lines(&blocks, fates, &mut notes);
    let text: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
    let numbers = lines.iter().flat_map(|(number, line)| line.split('\n').map(|_| *number));
    let numbers: Vec<usize> = numbers.collect();
    let warnings = accepted(path, &text, &numbers, &Environment::new(env))?;
    notes.sort_by_key(|(number, _)| *number);
    let notes = notes.into_iter().map(|(number, note)| format!("{}:{number}: {note}", path.display()));
    Ok(Migrated { text, notes: notes.chain(warnings).collect() })
}

/// What a run would say of the new file. A problem is told with the line of the old one that it comes from.
fn accepted(path: &Path, text: &str, numbers: &[usize], env: &Environment) -> Result<Vec<String>, Problems> {
    let new = Path::new("the new file");
    let mapped = |mut problem: Problem| {
        if problem.file == new {
            problem.file = path.to_path_buf();
            problem.line = problem.line.checked_sub(1).and_then(|at| numbers.get(at)).copied().unwrap_or(0);
        }
        problem
    };
    match load::alone(new, text, env) {
        Ok(Loaded { warnings, .. }) => Ok(warnings),
        Err(Problems(all)) => Err(Problems(all.into_iter().map(mapped).collect())),
    }
}

fn at(path: &Path, wrong: Vec<(usize, String)>) -> Problems {
    let problem = |(line, message)| Problem { file: path.to_path_buf(), line, column: 1, message };
    Problems(wrong.into_iter().map(problem).collect())
}
