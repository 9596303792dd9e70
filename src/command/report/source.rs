//! Where a report looks: at the day files of a file target, where there are some; else at the servers themselves, in a
//! cycle that leaves no trace; and where none of them answers, at the last batch that waits in the spool.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use wire::Reason;

use super::days;
use crate::batch::inflate;
use crate::config::{Config, Target};
use crate::cron::{self, Past};
use crate::exit::Exit;
use crate::findings::evidence::Evidence;
use crate::findings::words::{lasting, moment, of};
use crate::report;
use crate::spool::Spool;
use crate::state::StateDir;

pub(super) struct Seen {
    pub(super) about: Vec<String>,
    pub(super) evidence: Evidence,
    /// What speaks first where both tell of one thing.
    pub(super) before: Option<Evidence>,
    pub(super) exit: Exit,
}

pub(super) fn look(config: Config, from: Option<&Path>, since: Duration) -> Result<Seen> {
    if let Some(folder) = from {
        let seen = stored(&config, folder, since)?;
        return seen.with_context(|| format!("no day file in {} holds a batch", folder.display()));
    }
    let Target::File(folder) = config.backend.target.clone() else { return now(config, Vec::new()) };
    match stored(&config, &folder, since) {
        Ok(Some(seen)) => Ok(seen),
        Ok(None) => now(config, vec![format!("There is no batch in {} yet.", folder.display())]),
        Err(e) => now(config, vec![format!("{e:#}.")]),
    }
}

fn stored(config: &Config, folder: &Path, since: Duration) -> Result<Option<Seen>> {
    let mut evidence = Evidence::default();
    let unread = days::read(folder, since, |batch| evidence.add(batch))?;
    let (Some(first), Some(last)) = (evidence.first, evidence.last) else { return Ok(None) };
    let mut about = vec![format!(
        "{} from {}, {} to {}.",
        match evidence.batches {
            1 => "1 batch".to_owned(),
            n => format!("{n} batches"),
        },
        folder.display(),
        moment(first),
        moment(last)
    )];
    let age = age_ms(last);
    if age > 2000.0 * config.run.interval.as_secs_f64() {
        about.push(format!("The last batch is {} old: see pganalytics status.", lasting(age)));
    }
    if unread > 0 {
        about.push(format!("{} could not be read and are left out.", of(unread, "line")));
    }
    let exit = exit(config, &evidence);
    Ok(Some(Seen { about, evidence, before: None, exit }))
}

fn age_ms(at: Timestamp) -> f64 {
    (Timestamp::now().as_millisecond() - at.as_millisecond()) as f64
}

/// The code that the cycle would have ended with.
fn exit(config: &Config, evidence: &Evidence) -> Exit {
    let (mut asked, mut answered, mut degraded) = (0, 0, false);
    let mut servers = std::collections::BTreeMap::<String, bool>::new();
    for item in evidence.outcomes() {
        degraded |= item.parts.values().any(|outcome| report::degrades(config, &item.kind, outcome));
        if crate::collect::registry::is_asked(&item.kind) {
            let spoke = item.parts.values().any(|o| o.reason != Some(Reason::ServerRefused));
            *servers.entry(item.server).or_default() |= spoke;
        }
    }
    for spoke in servers.values() {
        asked += 1;
        answered += usize::from(*spoke);
    }
    Exit::of(asked, answered, degraded)
}

fn now(config: Config, mut about: Vec<String>) -> Result<Seen> {
    let config = Arc::new(config);
    let (collected, batch) = cron::rehearse(&config, true, Past::Forgotten)?;
    let exit = report::exit(&config, &collected, false);
    let mut evidence = Evidence::default();
    evidence.add(&inflate(&batch.seal()?.bytes)?)?;
    if exit != Exit::NoServer {
        let reached = collected.watches.iter().filter(|w| w.facts.is_some()).count();
        about.push(format!("Collected just now from {}.", of(reached, "server")));
        return Ok(Seen { about, evidence, before: None, exit });
    }
    about.push("No database could be reached.".to_owned());
    match last_sealed(&config) {
        Ok((sealed, path)) => {
            let at = sealed.last.unwrap_or_default();
            about.push(format!(
                "The rest is of the last sealed batch, {}, {} ago ({path}).",
                moment(at),
                lasting(age_ms(at))
            ));
            Ok(Seen { about, before: Some(evidence), evidence: sealed, exit })
        }
        Err(why) => {
            about.push(format!("{why:#}: this host's figures are all there is."));
            Ok(Seen { about, evidence, before: None, exit })
        }
    }
}

/// The newest batch that waits, and where.
fn last_sealed(config: &Config) -> Result<(Evidence, String)> {
    let entries = Spool::open(&StateDir::at(&config.run.state_dir)).entries()?;
    let Some(newest) = entries.last() else { bail!("No batch waits in the spool") };
    let path = newest.path.display().to_string();
    let mut evidence = Evidence::default();
    let text = fs::read(&newest.path).with_context(|| format!("reading {path}"))?;
    evidence.add(&inflate(&text)?).with_context(|| format!("reading {path}"))?;
    Ok((evidence, path))
}
