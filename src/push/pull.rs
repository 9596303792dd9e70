//! The configuration that the backend keeps for this collector: asked for now and then, after the batches, in the same run.
//!
//! Only one that the collector's own rules allow is kept. A wrong one is told once and the last good one stays; its tag is
//! kept all the same, so that it is not sent again before it changed. It counts from the next run on.
//!
//! Crash argument: the file is written before its tag is remembered, and the tag is shown only while the file reads. So
//! whatever becomes of either, what is missing here is sent again.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};

use super::backend::Api;
use crate::config::remote::FILE;
use crate::http::Answer;
use crate::state::{Durability, read_text, write_atomic};

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
    /// The tag is that of a text that was refused, and lies nowhere.
    pub refused: bool,
}

/// What has become of an answer.
enum Taken {
    /// Unchanged, or none is kept there.
    Nothing,
    Stored,
    Refused(anyhow::Error),
}

impl Pull {
    /// The tick of cron counts: half an interval of slack would be too early, a second of it too late.
    pub(super) fn is_due(&self, pulled: &Pulled, now: i64) -> bool {
        let every = i64::try_from(self.every_s).unwrap_or(i64::MAX);
        pulled.at.is_none_or(|at| now < at || now - at >= every.saturating_sub(5))
    }

    /// Never a reason for a run to fail: what is wrong goes to the log.
    pub(super) fn look(&self, api: &Api, pulled: &mut Pulled, now: i64) {
        let known = pulled.etag.as_deref().filter(|_| pulled.refused || self.holds());
        let answer = match api.config(&self.collector_id, known) {
            Ok(answer) => answer,
            Err(failure) => return log::debug!("asking for the configuration: {}", failure.message),
        };
        pulled.at = Some(now);
        let tag = || answer.header("etag").filter(|etag| etag.len() <= 128).map(str::to_owned);
        let unused =
            |e| log::warn!("The configuration from the backend is not used, the last good one stays: {e:#}");
        match self.take(&answer) {
            Ok(Taken::Nothing) => {}
            Ok(Taken::Stored) => {
                let version = answer.header("x-config-version").filter(|version| version.len() <= 20);
                let version = version.unwrap_or("(unnumbered)");
                log::info!("Configuration version {version} pulled, it counts from the next run on");
                (pulled.etag, pulled.refused) = (tag(), false);
            }
            Ok(Taken::Refused(e)) => {
                unused(e);
                (pulled.etag, pulled.refused) = (tag(), true);
            }
            Err(e) => unused(e),
        }
    }

    /// Whether the file is there and can be used.
    fn holds(&self) -> bool {
        read_text(&self.state_dir.join(FILE)).is_ok_and(|text| settings::remote::read(&text).is_ok())
    }

    /// An error is one of the way or of this host: the same text is asked for again.
    fn take(&self, answer: &Answer) -> Result<Taken> {
        match answer.status {
            200 => {}
            304 | 404 => return Ok(Taken::Nothing),
            status => bail!("the backend answered {status}"),
        }
        let text = match usable(&answer.body) {
            Ok(text) => text,
            Err(e) => return Ok(Taken::Refused(e)),
        };
        let path = self.state_dir.join(FILE);
        write_atomic(&path, text.as_bytes(), 0o600, Durability::Synced)
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(Taken::Stored)
    }
}

fn usable(body: &[u8]) -> Result<&str> {
    let text = std::str::from_utf8(body).context("it is not UTF-8")?;
    settings::remote::read(text).map_err(|problems| anyhow!("{problems}"))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{Pull, Pulled};

    #[test]
    fn due_by_the_interval_and_when_the_clock_went_back() {
        let pull = Pull { every_s: 300, collector_id: String::new(), state_dir: Default::default() };
        let due = |at: Option<i64>, now| pull.is_due(&Pulled { at, ..Pulled::default() }, now);
        assert!(due(None, 1000));
        assert!(!due(Some(1000), 1240) && due(Some(1000), 1299) && due(Some(1000), 1300));
        assert!(due(Some(1000), 900));
    }
}
