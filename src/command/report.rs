//! `report`: what deserves attention, the worst first; for a terminal, and as a web page of one file.
//!
//! It needs no backend, writes nothing but the page it is asked for, takes no lock and sends nothing. Where it looks:
//! [`source`]. What it finds: [`crate::findings`].

mod days;
mod html;
mod page;
mod plot;
mod source;
mod text;

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::config::{Config, Treatment};
use crate::exit::Exit;
use crate::findings::evidence::Evidence;
use crate::findings::looked::{self, Looked};
use crate::findings::unseen::{self, Unseen};
use crate::findings::{self, Finding};
use crate::state::{Durability, write_atomic};
use source::Seen;

/// What was asked for.
pub struct Asked<'a> {
    pub html: Option<&'a Path>,
    pub from: Option<&'a Path>,
    pub since: Duration,
}

/// All that is told, whatever it is written as.
struct Told {
    /// Where it comes from, a sentence each.
    about: Vec<String>,
    findings: Vec<Finding>,
    unseen: Vec<Unseen>,
    looked: Looked,
}

pub fn report(config: Config, asked: &Asked) -> Result<Exit> {
    // Whoever waits for a page should know at once that there will be none.
    asked.html.map(fit_to_write).transpose()?;
    let hidden = config.privacy.identifiers != Treatment::Keep;
    let Seen { mut about, evidence, before, exit } = source::look(config, asked.from, asked.since)?;
    if hidden {
        about.push("Names are hidden by [privacy]: put the real ones into the statements below.".to_owned());
    }
    let all: Vec<&Evidence> = before.iter().chain([&evidence]).collect();
    let told = Told {
        about,
        findings: findings::find(&all),
        unseen: unseen::unseen(&evidence),
        looked: looked::looked(&evidence),
    };
    let mut out = io::stdout().lock();
    out.write_all(page::page(&told, colours()).as_bytes()).context("printing the report")?;
    if let Some(path) = asked.html {
        let page = html::page(&told, &evidence);
        // Names and statements are nobody else's to read.
        write_atomic(path, page.as_bytes(), 0o600, Durability::Renamed)
            .with_context(|| format!("writing the page {}; its folder must be writable", path.display()))?;
    }
    Ok(exit)
}

/// On a terminal that can, unless its user wants none (no-color.org).
fn colours() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    io::stdout().is_terminal() && !set("NO_COLOR") && !dumb
}

/// What is there is replaced if it is a file: never a link, which may lead anywhere, nor a device.
fn fit_to_write(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => {
            bail!("writing the page {}: it is a symbolic link; name the file itself", path.display())
        }
        Ok(meta) if !meta.is_file() => {
            bail!("writing the page {}: it is no file; name one", path.display())
        }
        _ => Ok(()),
    }
}

/// `30s`, `45m`, `1h`, `7d`.
pub fn span(text: &str) -> Result<Duration, String> {
    let unit = text.chars().next_back().unwrap_or(' ');
    let each = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => 0,
    };
    let number = text.strip_suffix(unit).and_then(|number| number.parse::<u32>().ok());
    match number.map(|n| u64::from(n) * each).filter(|s| *s > 0) {
        Some(s) => Ok(Duration::from_secs(s)),
        None => Err("must be a number and its unit: 30s, 45m, 1h or 7d".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit() {
        for (text, s) in [("30s", 30), ("45m", 2700), ("1h", 3600), ("7d", 604_800)] {
            assert_eq!(span(text), Ok(Duration::from_secs(s)));
        }
        for text in ["", "1", "h", "0h", "-1h", "1 h", "1.5h", "1w", "1é"] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
