//! The configuration that the backend keeps for this collector: asked for now and then, after the batches, in the same run.
//!
//! Only one that the collector's own rules allow is kept. A wrong one is told once and the last good one stays; its tag is
//! kept all the same, so that it is not sent again before it changed. It counts from the next run on.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};

use super::backend::Api;
use crate::config::remote::FILE;
use crate::http::Answer;
use crate::state::{Durability, write_atomic};

/// When and for whom.
#[derive(Clone, Debug)]
pub struct Pull {
    pub every_s: u64,
    /// As the backend knows this collector.
    pub collector_id: String,
    pub state_dir: PathBuf,
}

/// What is remembered of it between runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pulled {
    /// Unix seconds of the last answer.
    pub at: Option<i64>,
    pub etag: Option<String>,
}

impl Pull {
    /// The tick of cron counts: half an interval of slack would be too early, a second of it too late.
    pub(super) fn is_due(&self, pulled: &Pulled, now: i64) -> bool {
        let every = i64::try_from(self.every_s).unwrap_or(i64::MAX);
        pulled.at.is_none_or(|at| now < at || now - at >= every.saturating_sub(5))
    }

    /// Never a reason for a run to fail: what is wrong goes to the log.
    pub(super) fn look(&self, api: &Api, pulled: &mut Pulled, now: i64) {
        let answer = match api.config(&self.collector_id, pulled.etag.as_deref()) {
            Ok(answer) => answer,
            Err(failure) => return log::debug!("asking for the configuration: {}", failure.message),
        };
        pulled.at = Some(now);
        match self.take(&answer) {
            Ok(None) => {}
            Ok(Some(version)) => {
                log::info!("Configuration version {version} pulled, it counts from the next run on")
            }
            Err(e) => {
                log::warn!("The configuration from the backend is not used, the last good one stays: {e:#}")
            }
        }
        if let Some(etag) = answer.header("etag").filter(|etag| etag.len() <= 128) {
            pulled.etag = Some(etag.to_owned());
        }
    }

    /// The version, if there was a new one.
    fn take(&self, answer: &Answer) -> Result<Option<String>> {
        match answer.status {
            200 => {}
            // Unchanged, or none is kept there.
            304 | 404 => return Ok(None),
            status => bail!("the backend answered {status}"),
        }
        let text = std::str::from_utf8(&answer.body).context("it is not UTF-8")?;
        settings::remote::read(text).map_err(|problems| anyhow!("{problems}"))?;
        let path = self.state_dir.join(FILE);
        write_atomic(&path, text.as_bytes(), 0o600, Durability::Synced)
            .with_context(|| format!("writing {}", path.display()))?;
        let version = answer.header("x-config-version").filter(|version| version.len() <= 20);
        Ok(Some(version.unwrap_or("(unnumbered)").to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Pull, Pulled};

    #[test]
    fn due_by_the_interval_and_when_the_clock_went_back() {
        let pull = Pull { every_s: 300, collector_id: String::new(), state_dir: Default::default() };
        let due = |at: Option<i64>, now| pull.is_due(&Pulled { at, etag: None }, now);
        assert!(due(None, 1000));
        assert!(!due(Some(1000), 1240) && due(Some(1000), 1299) && due(Some(1000), 1300));
        assert!(due(Some(1000), 900));
    }
}
