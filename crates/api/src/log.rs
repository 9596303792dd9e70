//! The log: one line an event on stderr, as JSON or text, with the id of the request that it belongs to.

use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;

use crate::config::Config;

pub fn filter(level: &str) -> Result<EnvFilter> {
    EnvFilter::try_new(level)
        .with_context(|| format!("{level:?} is none of error, warn, info, debug, and no filter by module"))
}

pub fn start(config: &Config) -> Result<()> {
    let filter = filter(&config.log_level)?;
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    if config.log_json {
        lines.json().flatten_event(true).init()
    } else {
        lines.init()
    }
    Ok(())
}
