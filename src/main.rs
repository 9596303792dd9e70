//! Parses the command line, loads the configuration, calls what was asked for, and exits with its code.

use std::io::Write;
use std::process::exit;

use clap::Parser;
use pganalytics::cli::{Cli, Command};
use pganalytics::config::{self, Loaded};
use pganalytics::exit::Exit;
use pganalytics::plain::plain;
use pganalytics::{command, cron, log as logging};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

fn main() {
    let cli = Cli::parse();
    // A core of this process would hold passwords and the token.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    // The place only: what a panic says may hold data.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
        log::error!("The collector broke at {place}: a defect, please report it");
    }));
    let code = run(&cli).unwrap_or_else(|e| {
        say(&format!("pganalytics: {e:#}"));
        Exit::Usage
    });
    exit(code.code());
}

fn run(cli: &Cli) -> anyhow::Result<Exit> {
    if let Some(Command::Completions { .. } | Command::Man) = &cli.command {
        return command::generate(cli.command.as_ref());
    }
    if let Some(Command::MigrateConfig { old }) = &cli.command {
        return command::migrate_config(old);
    }
    let Loaded { config, warnings } = match config::load(cli.config.as_deref()) {
        Ok(loaded) => loaded,
        Err(problems) => {
            say(&problems.to_string());
            return Ok(Exit::Usage);
        }
    };
    if cli.validate_config {
        return command::validate(&config, &warnings);
    }
    match &cli.command {
        Some(Command::Register { secret_file }) => command::register(&config, secret_file.as_deref()),
        Some(Command::Check) => command::check(config, &warnings),
        Some(Command::Report { html, from, since }) => {
            logging::start(&config, cli.verbose, true);
            let asked = command::Asked { html: html.as_deref(), from: from.as_deref(), since: *since };
            command::report(config, &asked)
        }
        Some(Command::Collectors) => command::collectors(&config),
        Some(Command::Status { json }) => command::status(&config, *json),
        Some(Command::Spool { action }) => command::spool(&config, action),
        _ => {
            let cycle = cli.cycle();
            let obstacle = logging::start(&config, cli.verbose, cycle.dry_run);
            warnings.iter().for_each(|w| log::warn!("{w}"));
            Ok(cron::run(config, cycle, obstacle.into_iter().collect()).unwrap_or_else(|e| {
                log::error!("{e:#}");
                say(&format!("pganalytics: {e:#}"));
                Exit::Degraded
            }))
        }
    }
}

fn say(text: &str) {
    let lines: Vec<String> = text.lines().map(plain).collect();
    let _ = writeln!(std::io::stderr(), "{}", lines.join("\n"));
}
