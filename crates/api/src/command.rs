//! What the program can be told to do.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

use crate::app::{self, App};
use crate::config::{self, Config, Secrets, Source};
use crate::replay;
use crate::store::{collectors, dead_letters, migrate as schema, pool};
use crate::upkeep;

/// Takes the collectors' batches into PostgreSQL
#[derive(Parser)]
#[command(name = "pganalytics-api", version, after_help = config::help(), max_term_width = 120)]
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
    /// Items and batches that could not be stored
    DeadLetters {
        #[command(subcommand)]
        act: DeadLetters,
    },
}

#[derive(Subcommand)]
enum Act {
    /// Let a known name register once more within the hour; its earlier tokens end with that
    AllowRegistration { name: String },
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
    let source = Source::read()?;
    let config = Config::load(&source)?;
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    match cli.command {
        Command::Serve => {
            let secrets = Secrets::load(&source)?;
            runtime.block_on(serve(config, secrets))
        }
        Command::Migrate => runtime.block_on(migrate(&config)),
        Command::Admin { act: Act::AllowRegistration { name } } => runtime.block_on(allow(&config, &name)),
        Command::DeadLetters { act } => runtime.block_on(dead(config, act)),
    }
}

/// How long requests under way may take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(25);

async fn serve(config: Config, secrets: Secrets) -> Result<()> {
    crate::log::start(&config)?;
    let app = App::new(config, &secrets)?;
    drop(secrets);
    let listener = tokio::net::TcpListener::bind(app.config.listen)
        .await
        .with_context(|| format!("listening on {}", app.config.listen))?;
    tracing::info!(environment = %app.config.environment, "listening on {}", listener.local_addr()?);
    let upkeep = tokio::spawn(upkeep::run(app.clone()));
    let service = app::router(app).into_make_service_with_connect_info::<SocketAddr>();
    let (stop, stopped) = tokio::sync::watch::channel(());
    let mut waiting = stopped.clone();
    let served =
        axum::serve(listener, service).with_graceful_shutdown(async move { drop(waiting.changed().await) });
    let mut serving = tokio::spawn(served.into_future());
    tokio::select! {
        ended = &mut serving => return ended?.context("serving"),
        ended = upkeep => return ended?,
        signal = signal() => tracing::info!("{signal}: finishing what is under way"),
    }
    drop(stop);
    match tokio::time::timeout(DRAIN, serving).await {
        Ok(ended) => ended?.context("serving")?,
        Err(_) => tracing::warn!("requests were still under way after {} s", DRAIN.as_secs()),
    }
    tracing::info!("stopped");
    Ok(())
}

async fn signal() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    }
}

async fn migrate(config: &Config) -> Result<()> {
    let mut client = pool::single(&config.direct).await?;
    let (applied, version) = schema::migrate(&mut client).await?;
    say(&format!("the schema is at version {version}, {applied} migrations applied now"))
}

async fn allow(config: &Config, name: &str) -> Result<()> {
    let client = pool::single(&config.direct).await?;
    ensure!(collectors::allow_again(&client, name).await?, "no collector is registered as {name:?}");
    say(&format!("{name} may register once more within the hour"))
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
            let (stored, left) = replay::replay(&mut client, &config).await?;
            say(&format!("{stored} stored, {left} left"))
        }
        DeadLetters::Drop { older_than_days } => {
            let dropped = dead_letters::drop_older(&client, older_than_days).await?;
            say(&format!("{dropped} dropped"))
        }
    }
}

fn say(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
