//! `check`: the doctor. A forced cycle that leaves no trace, and a look at everything around it: what is missing, and the
//! statement that mends it.
//!
//! Its verdict is that of the cycle it has just rehearsed, so the two cannot disagree. It writes nothing, takes no lock
//! and sends nothing but two GETs. Everything that may hang runs on a thread of its own within `run_timeout`.

mod backend;
mod finding;
mod gaps;
mod here;
mod look;
mod matrix;
mod page;

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;

use crate::collect::board::Told;
use crate::collect::coordinator::Collected;
use crate::collect::registry;
use crate::collect::watch::Watch;
use crate::config::Config;
use crate::cron::{self, Past};
use crate::exit::Exit;
use crate::pg::probe::Facts;
use crate::report;
use finding::{Finding, Mark};
use gaps::Case;
use look::Seen;
use page::Page;

pub fn check(config: Config, warnings: &[String]) -> Result<Exit> {
    let deadline = Instant::now() + config.run.timeout;
    let config = Arc::new(config);
    let backend = backend::start(&config, deadline);
    let (collected, _) = cron::rehearse(&config, true, Past::Known)?;
    let seen = look::all(&collected, deadline);
    let backend = backend::wait(&backend, deadline);

    let mut page = Page::new(io::stdout().is_terminal());
    let mut around = around(&config, warnings, &collected, &mut page);
    page.section(&format!("Backend {}", config.backend.url));
    page.findings(&backend);
    around.extend(backend);
    for (watch, seen) in collected.watches.iter().zip(&seen) {
        around.extend(server(&config, &collected, watch, seen, &mut page));
    }
    let troubles = around.iter().filter(|f| f.mark == Mark::Trouble).count();
    let exit = report::exit(&config, &collected, troubles > 0);
    page.section(&verdict(exit, &around));
    io::stdout().lock().write_all(page.text.as_bytes())?;
    Ok(exit)
}

fn verdict(exit: Exit, found: &[Finding]) -> String {
    let count = |mark| found.iter().filter(|f| f.mark == mark).count();
    let advice = match count(Mark::Advice) {
        0 => String::new(),
        n => format!(" ({n} worth a look)"),
    };
    match (exit, count(Mark::Trouble)) {
        (Exit::Ok, _) => format!("A cycle would be complete{advice}"),
        (_, n) => format!("A cycle would not be complete: {n} to mend{advice}"),
    }
}

/// The configuration and this host.
fn around(config: &Config, warnings: &[String], collected: &Collected, page: &mut Page) -> Vec<Finding> {
    page.section(&format!("Configuration {}", config.path.display()));
    let mut found: Vec<Finding> = warnings.iter().map(Finding::advice).collect();
    if found.is_empty() {
        found.push(Finding::fine("loaded, without a warning"));
    }
    page.findings(&found);
    page.section(&format!("Host {}", config.collector.hostname));
    let mut host = here::look(config);
    let own: Vec<&Told> =
        collected.board.told.iter().filter(|t| !registry::is_asked(t.place.key.collector)).collect();
    let lacking = gaps::unexplained(config, &own);
    if lacking.is_empty() {
        let mut names: Vec<&str> = own.iter().map(|t| t.place.key.collector).collect();
        names.sort_unstable();
        names.dedup();
        host.push(Finding::fine(format!("collected: {}", names.join(", "))));
    }
    host.extend(lacking);
    page.findings(&host);
    found.extend(host);
    found
}

fn server(
    config: &Config,
    collected: &Collected,
    watch: &Watch,
    seen: &Seen,
    page: &mut Page,
) -> Vec<Finding> {
    let name = &watch.config.name;
    page.section(&format!("Server {name}"));
    let told: Vec<&Told> = collected
        .board
        .told
        .iter()
        .filter(|t| t.place.server == *name && registry::is_asked(t.place.key.collector))
        .collect();
    let mut found: Vec<Finding> = gaps::unreachable(watch).into_iter().collect();
    let Some(facts) = watch.facts.as_deref() else {
        page.findings(&found);
        page.mends(&found, false);
        return found;
    };
    found.extend(known(watch, facts));
    // What a server that fell silent owes is told already.
    if gaps::unreachable(watch).is_none() {
        found.extend(gaps::gaps(&Case { config, server: &watch.config, facts, seen, told: &told }));
    }
    page.findings(&found);
    page.table(&matrix::matrix(config, facts, &told));
    page.mends(&found, facts.in_recovery);
    found
}

fn known(watch: &Watch, facts: &Facts) -> Vec<Finding> {
    let (major, minor) = (facts.version_num / 10_000, facts.version_num % 10_000);
    let kind = if facts.in_recovery { "standby" } else { "primary" };
    let rights = match () {
        () if facts.superuser => "superuser, where pg_monitor would do",
        () if facts.as_monitor => "pg_monitor, not inherited",
        () if facts.may.roles.contains("pg_monitor") => "pg_monitor",
        () => "without pg_monitor",
    };
    let watched = gaps::watched(&watch.config, facts);
    let open: Vec<&str> = watched.iter().filter(|d| d.is_open()).map(|d| d.name.as_str()).collect();
    let extension = facts
        .extension(look::EXTENSION)
        .map(|e| format!("{} {} in schema {} of database {}", e.name, e.version, e.schema, facts.database));
    let mut found = vec![
        Finding::fine(format!(
            "PostgreSQL {major}.{minor}, {kind}, reached through database {}",
            facts.database
        )),
        Finding::fine(format!("role {}: {rights}", facts.role)),
        Finding::fine(format!(
            "{} of {} watched databases are open: {}",
            open.len(),
            watched.len(),
            shortened(&open)
        )),
    ];
    found.extend(extension.map(Finding::fine));
    found.push(clock("its clock", facts.clock_skew_us / 1000));
    found
}

/// Beyond a dozen, names are not read any more.
fn shortened(names: &[&str]) -> String {
    match names.len() {
        0..=12 => names.join(", "),
        n => format!("{} and {} more", names[..12].join(", "), n - 12),
    }
}

/// Figures are ordered by time: a minute off, and they belong to another cycle.
fn clock(whose: &str, skew_ms: i64) -> Finding {
    let s = skew_ms as f64 / 1000.0;
    let how = if skew_ms < 0 { "behind" } else { "ahead of" };
    let text = format!("{whose} is {:.1} s {how} this host's", s.abs());
    match skew_ms.abs() {
        0..=5_000 => Finding::fine(text),
        5_001..=60_000 => Finding::advice(format!("{text}: see to NTP on both")),
        _ => Finding::trouble(format!("{text}: see to NTP on both")),
    }
}
