//! The command line: what can be typed, and nothing else.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Collects from PostgreSQL and from this host, once, and delivers one batch.
#[derive(Debug, Parser)]
#[command(name = "pganalytics", version = crate::version::LONG, max_term_width = 100)]
pub struct Cli {
    /// Configuration file
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,

    /// Check the configuration and say what is wrong with it
    #[arg(long)]
    pub validate_config: bool,

    #[command(flatten)]
    pub cycle: Cycle,

    /// More on stderr: -v informs, -vv debugs
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,

    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Clone, Copy, Args)]
pub struct Cycle {
    /// Collect, print the batch as JSON on stdout, deliver nothing, change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// With --dry-run: print what would leave this host by sensitivity, in counts and bytes
    #[arg(long, requires = "dry_run")]
    pub manifest: bool,

    /// Run everything that is enabled, due or not
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// One cycle: what the crontab line runs (and what no command means)
    Cron {
        #[command(flatten)]
        cycle: Cycle,
    },
    /// Register with the backend, and keep the id and the token that it gives
    Register {
        /// A file with the registration secret, one line; without it REGISTRATION_SECRET is used
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// Look at everything a cycle needs, and print the SQL that mends what is missing
    Check,
    /// What deserves attention, the worst first, without any backend
    Report {
        /// Also as a web page of one file, with plots where there are several batches
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// Read the day files of this folder; without it those of a file:// target, else collect now
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
        /// Of day files: how far back from the newest batch
        #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = crate::command::span)]
        since: Duration,
    },
    /// Every collector: scope, interval, whether it is on, what it needs
    Collectors,
    /// The last cycle, the last push, and what waits
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Batches that wait unsent
    Spool {
        #[command(subcommand)]
        action: SpoolAction,
    },
    /// A configuration of an earlier release as this one writes it, on stdout, with comments on what changed
    MigrateConfig {
        /// The older file; nothing is written to it
        old: PathBuf,
    },
    /// Completions for a shell
    Completions { shell: clap_complete::Shell },
    /// The manual page
    Man,
}

#[derive(Debug, Subcommand)]
pub enum SpoolAction {
    /// What waits, how old, how large
    List,
    /// Deliver now, whatever the breaker says
    Flush {
        /// Put what was rejected back in line first
        #[arg(long)]
        rejected: bool,
    },
    /// Throw batches away
    Drop {
        /// Batch ids as `spool list` shows them
        #[arg(required_unless_present = "all")]
        batches: Vec<String>,
        /// All of them
        #[arg(long)]
        all: bool,
    },
}

impl Cli {
    /// They count before and after `cron`.
    pub fn cycle(&self) -> Cycle {
        let before = self.cycle;
        let after = match &self.command {
            Some(Command::Cron { cycle }) => *cycle,
            _ => before,
        };
        Cycle {
            dry_run: before.dry_run || after.dry_run,
            manifest: before.manifest || after.manifest,
            force: before.force || after.force,
        }
    }
}
