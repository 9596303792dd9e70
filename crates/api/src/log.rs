//! The log: one line an event on stderr, as JSON or text, with the id of the request that it belongs to.

use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;

use crate::config::Config;

pub fn start(config: &Config) -> Result<()> {
    let filter = EnvFilter::try_new(&config.log_level).with_context(|| {
        format!("reading LOG_LEVEL {:?}: error, warn, info, debug, or a filter by module", config.log_level)
    })?;
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    if config.log_json {
        lines.json().flatten_event(true).init()
    } else {
        lines.init()
    }
    Ok(())
}
