//! `migrate-config OLD`: the new file on stdout, what changed on stderr. It writes nothing itself, and prints nothing that a
//! run would not accept.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;

use crate::config;
use crate::exit::Exit;

pub fn migrate_config(old: &Path) -> Result<Exit> {
    let mut err = io::stderr().lock();
    match config::migrate(old) {
        Ok(migrated) => {
            io::stdout().lock().write_all(migrated.text.as_bytes())?;
            for note in &migrated.notes {
                writeln!(err, "{note}")?;
            }
            if migrated.notes.is_empty() {
                writeln!(err, "nothing changed: every line means today what it meant")?;
            }
            Ok(Exit::Ok)
        }
        Err(problems) => {
            writeln!(err, "{problems}")?;
            Ok(Exit::Usage)
        }
    }
}
