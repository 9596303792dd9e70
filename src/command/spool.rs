//! `spool list|flush|drop`: what waits, and what to do about it by hand.

use std::io::{self, Write};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use comfy_table::{Table, presets};
use jiff::Timestamp;

use crate::cli::SpoolAction;
use crate::collect::schedule::seed;
use crate::config::Config;
use crate::exit::Exit;
use crate::plain::plain;
use crate::push::Drain;
use crate::spool::{Entry, Spool};
use crate::state::ledger::{self, Ledger};
use crate::state::{Locked, StateDir};

pub fn spool(config: &Config, action: &SpoolAction) -> Result<Exit> {
    if let SpoolAction::List = action {
        let state = StateDir::at(&config.run.state_dir);
        return list(&Spool::open(&state), &Spool::rejected(&state));
    }
    let state = StateDir::open(&config.run.state_dir)?;
    let (waiting, rejected) = (Spool::open(&state), Spool::rejected(&state));
    let _lock = match state.lock()? {
        Locked::Mine(lock) => lock,
        Locked::Busy(who) => return super::busy(&who),
    };
    let (mut ledger, _) = ledger::read(&state.ledger(), Timestamp::now().as_second())?;
    let exit = match action {
        SpoolAction::Flush { rejected: again } => {
            if *again {
                rejected.entries()?.iter().try_for_each(|entry| rejected.hand_over(entry, &waiting))?;
            }
            flush(config, waiting, rejected, &mut ledger)?
        }
        SpoolAction::Drop { batches, all } => {
            let chosen = choose(&waiting, &rejected, batches, *all)?;
            waiting.drop_counted(&chosen, &mut ledger)?;
            writeln!(io::stdout().lock(), "{} batches dropped", chosen.len())?;
            Exit::Ok
        }
        SpoolAction::List => Exit::Ok,
    };
    ledger.write(&state.ledger())?;
    Ok(exit)
}

fn list(waiting: &Spool, rejected: &Spool) -> Result<Exit> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["batch", "sequence", "kB", "age s", "state"]);
    for (spool, state) in [(waiting, "waiting"), (rejected, "rejected")] {
        for entry in spool.entries()? {
            let age = entry.sealed.elapsed().unwrap_or_default().as_secs();
            table.add_row([
                entry.batch_id,
                entry.sequence.to_string(),
                entry.bytes.div_ceil(1000).to_string(),
                age.to_string(),
                state.to_owned(),
            ]);
        }
    }
    writeln!(io::stdout().lock(), "{table}")?;
    Ok(Exit::Ok)
}

fn flush(config: &Config, spool: Spool, rejected: Spool, ledger: &mut Ledger) -> Result<Exit> {
    let mut lent = std::mem::take(ledger);
    lent.breaker = Default::default();
    let started = Instant::now();
    let drain = Drain {
        spool,
        rejected,
        backend: config.backend.clone(),
        ledger: lent,
        now: Timestamp::now().as_second(),
        started,
        deadline: started + config.run.timeout,
        seed: seed(&[config.collector.known_as()]),
        fresh: None,
        pull: None,
    };
    let (drained, learnt) = drain.run(&|_, _| {});
    *ledger = learnt;
    let mut out = io::stdout().lock();
    writeln!(out, "{} batches delivered, {} rejected", drained.sent, drained.rejected)?;
    if let Some(Err(why)) = drained.token {
        writeln!(io::stderr(), "{}", plain(&why))?;
    }
    match drained.trouble {
        None => Ok(Exit::Ok),
        Some(why) => {
            writeln!(io::stderr(), "stopped: {}", plain(&why))?;
            Ok(Exit::Degraded)
        }
    }
}

fn choose(waiting: &Spool, rejected: &Spool, ids: &[String], all: bool) -> Result<Vec<Entry>> {
    let mut entries = waiting.entries().context("listing what waits")?;
    entries.extend(rejected.entries().context("listing what was rejected")?);
    if all {
        return Ok(entries);
    }
    if let Some(unknown) = ids.iter().find(|id| entries.iter().all(|e| e.batch_id != **id)) {
        bail!("no batch {unknown} waits here; see pganalytics spool list");
    }
    Ok(entries.into_iter().filter(|e| ids.contains(&e.batch_id)).collect())
}
