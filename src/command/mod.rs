//! The commands that are not a run: each prints and is done.

mod check;
mod migrate;
mod register;
mod report;
mod spool;

use std::io::{self, Write};

use anyhow::Result;
use clap::CommandFactory;
use comfy_table::{Table, presets};
use jiff::Timestamp;

use crate::cli::{Cli, Command};
use crate::collect::{At, Collector, Gather, Scope, plan, registry};
use crate::config::{self, Config};
use crate::exit::Exit;
use crate::plain;
use crate::report as told;

pub use check::check;
pub use migrate::migrate_config;
pub use register::register;
pub use report::{Asked, report, span};
pub use spool::spool;

/// `--validate-config`: the three lines that scripts know on stdout, everything else on stderr.
pub fn validate(config: &Config, warnings: &[String]) -> Result<Exit> {
    let mut err = io::stderr().lock();
    for warning in warnings.iter().chain(&config::advice(config)) {
        writeln!(err, "warning: {warning}")?;
    }
    let id = config.collector.id.as_deref().unwrap_or("(not registered)");
    let mut out = io::stdout().lock();
    writeln!(out, "Configuration loaded successfully")?;
    writeln!(out, "Collector ID: {id}")?;
    writeln!(out, "Backend URL: {}", config.backend.url)?;
    Ok(Exit::Ok)
}

/// `collectors`
pub fn collectors(config: &Config) -> Result<Exit> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "collector",
        "scope",
        "every",
        "on",
        "from",
        "needs",
        "about",
    ]);
    for collector in registry::ALL {
        table.add_row([
            collector.name.to_owned(),
            scope(collector).to_owned(),
            format!("{} s", plan::every_s(config, collector)),
            if plan::enabled(config, collector) { "on" } else { "off" }.to_owned(),
            since(collector),
            collector.needs.to_owned(),
            collector.about.to_owned(),
        ]);
    }
    writeln!(io::stdout().lock(), "{table}")?;
    Ok(Exit::Ok)
}

fn scope(collector: &Collector) -> &'static str {
    let server_wide =
        matches!(&collector.gather, Gather::Sql(parts) if parts.iter().all(|p| p.at == At::Server));
    match collector.scope {
        Scope::Host => "host",
        Scope::Agent => "self",
        Scope::Database if !server_wide => "database",
        Scope::Database | Scope::Server => "server",
    }
}

/// The oldest PostgreSQL that has any part of it.
fn since(collector: &Collector) -> String {
    match &collector.gather {
        Gather::Sql(parts) => parts.iter().map(|p| p.since()).min().map_or("-".to_owned(), |v| v.to_string()),
        Gather::Configured(_) | Gather::Host | Gather::Agent => "-".to_owned(),
    }
}

/// `status`: 0 when the last cycle was complete and no more than two intervals ago, else 1.
pub fn status(config: &Config, json: bool) -> Result<Exit> {
    let path = told::status_path(config);
    let Some(status) = told::read_status(&path)? else {
        writeln!(io::stderr(), "no cycle has left {} yet: run pganalytics cron", path.display())?;
        return Ok(Exit::Degraded);
    };
    let told = status.told(Timestamp::now());
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", plain::json(&serde_json::to_string_pretty(&told)?))?;
    } else {
        write!(out, "{}", told.for_people())?;
    }
    Ok(if told.healthy { Exit::Ok } else { Exit::Degraded })
}

/// A command that changes what a run works with waits for none.
fn busy(who: &str) -> Result<Exit> {
    writeln!(io::stderr(), "a run is under way ({}); try again when it is over", plain::plain(who))?;
    Ok(Exit::Busy)
}

/// `completions` and `man`: need no configuration.
pub fn generate(command: Option<&Command>) -> Result<Exit> {
    let mut text = Vec::new();
    match command {
        Some(Command::Completions { shell }) => {
            clap_complete::generate(*shell, &mut Cli::command(), "pganalytics", &mut text);
        }
        _ => clap_mangen::Man::new(Cli::command()).render(&mut text)?,
    }
    io::stdout().lock().write_all(&text)?;
    Ok(Exit::Ok)
}
