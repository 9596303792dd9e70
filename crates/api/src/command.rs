//! What the program can be told to do.

use std::io::Write;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use serde_json::json;

use crate::admin::{self, Act};
use crate::config::{self, Config, Source};
use crate::replay;
use crate::serve::serve;
use crate::size::Shape;
use crate::store::{audit, dead_letters, migrate as schema, pool};

/// As the collector's: the programs that are installed side by side are told apart by it.
const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("PGANALYTICS_COMMIT"),
    ", ",
    env!("PGANALYTICS_TARGET"),
    ")"
);

/// Takes the collectors' batches into PostgreSQL
#[derive(Parser)]
#[command(name = "pganalytics-api", version = VERSION, after_help = config::help(), max_term_width = 120)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answer requests until told to stop
    Serve,
    /// Bring the database's schema up to date, and end
    Migrate,
    /// What an administrator decides
    Admin {
        #[command(subcommand)]
        act: Act,
    },
    /// How much room collectors take, computed from what was measured
    Size(Shape),
    /// Items and batches that could not be stored
    DeadLetters {
        #[command(subcommand)]
        act: DeadLetters,
    },
}

#[derive(Subcommand)]
enum DeadLetters {
    /// How many there are, by type and reason
    List,
    /// Try to store them now; what is stored is no longer among them
    Replay,
    /// Give up those that are older
    Drop {
        #[arg(long)]
        older_than_days: i64,
    },
}

pub fn run(cli: Cli) -> Result<()> {
    if let Command::Size(shape) = cli.command {
        return say(shape.told().trim_end());
    }
    let source = Source::read()?;
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    let config = || Config::load(&source);
    match cli.command {
        Command::Size(_) => Ok(()),
        Command::Serve => {
            let (config, secrets) = config::load(&source)?;
            runtime.block_on(serve(config, secrets))
        }
        Command::Migrate => runtime.block_on(migrate(&config()?)),
        Command::Admin { act } => {
            let lines = runtime.block_on(admin::act(&config()?, act))?;
            lines.iter().try_for_each(|line| say(line))
        }
        Command::DeadLetters { act } => runtime.block_on(dead(config()?, act)),
    }
}

async fn migrate(config: &Config) -> Result<()> {
    let mut client = pool::single(&config.direct).await?;
    let (applied, version) = schema::migrate(&mut client).await?;
    say(&format!("the schema is at version {version}, {applied} migrations applied now"))
}

async fn dead(config: Config, act: DeadLetters) -> Result<()> {
    let mut client = pool::single(&config.direct).await?;
    match act {
        DeadLetters::List => {
            for kind in dead_letters::kinds(&client).await? {
                say(&kind)?;
            }
            Ok(())
        }
        DeadLetters::Replay => {
            audit::record(&client, audit::HOST, "replay dead letters", "all", None).await?;
            let (stored, left) = replay::replay(&mut client, &config).await?;
            say(&format!("{stored} stored, {left} left"))
        }
        DeadLetters::Drop { older_than_days } => {
            let tx = client.transaction().await?;
            let dropped = dead_letters::drop_older(&tx, older_than_days).await?;
            let which = format!("older than {older_than_days} days");
            let details = json!({ "dropped": dropped });
            audit::record(&tx, audit::HOST, "drop dead letters", &which, Some(details)).await?;
            tx.commit().await?;
            say(&format!("{dropped} dropped"))
        }
    }
}

fn say(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
