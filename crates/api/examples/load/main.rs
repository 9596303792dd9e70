//! Simulated collectors for `scripts/bench-api`: each registers for real, and pushes a batch that the real collector made,
//! under its own id, with a fresh batch id and moments moved to now. Bodies are made before the clock runs.
//!
//!     load URL FIRST STEADY COLLECTORS ACKNOWLEDGED     with REGISTRATION_SECRET in the environment
//!
//! FIRST and STEADY are files with one batch each; into ACKNOWLEDGED goes the id of each batch that was acknowledged.
//! Then, a line at a time on standard input:
//!
//!     first THREADS                     each collector's first batch, with the texts of its statements
//!     closed THREADS PUSHES SECONDS     one push after the other in each thread, until either is reached
//!     open PER_SECOND SECONDS           due at fixed moments; latency counts from when a push was due
//!     late DAYS                         one push of the first collector for each of so many days before today
//!     who                               answered at once, with the first collector's id and Authorization
//!
//! Each is answered `ready`, waits for an empty line, runs, and is answered with one line of JSON.
//!
//! Each push is a connection of its own, as that of a collector is, which lives for a minute's run only.

#![allow(clippy::print_stdout)]

mod client;
mod fleet;
mod phase;
mod template;

use std::fs;
use std::io::{self, BufRead};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use fleet::{Fleet, Push};

/// More than are ever under way: a push that is due never waits for a thread while the backend keeps up.
const OPEN_THREADS: usize = 128;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, first, steady, collectors, acknowledged] = &arguments[..] else {
        bail!("usage: load URL FIRST STEADY COLLECTORS ACKNOWLEDGED");
    };
    let secret = std::env::var("REGISTRATION_SECRET").context("REGISTRATION_SECRET is not set")?;
    let server = client::Server::at(url)?;
    let (first, steady) = (template::read(first)?, template::read(steady)?);
    let mut fleet = Fleet::register(&server, &secret, collectors.parse()?)?;
    let mut ids = Vec::new();
    let mut lines = io::stdin().lock().lines();
    while let Some(line) = lines.next().transpose()? {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (pushes, threads, limit) = match words[..] {
            ["first", threads] => (fleet.round(&first)?, threads.parse()?, None),
            ["closed", threads, pushes, seconds] => {
                (fleet.turns(&steady, pushes.parse()?)?, threads.parse()?, Some(seconds.parse()?))
            }
            ["open", per_second, seconds] => {
                (fleet.due(&steady, per_second.parse()?, seconds.parse()?)?, OPEN_THREADS, None)
            }
            ["late", days] => (fleet.late(&steady, days.parse()?)?, 1, None),
            ["who"] => {
                println!("{}", fleet.first()?);
                continue;
            }
            _ => bail!("not understood: {line}"),
        };
        println!("ready");
        lines.next().transpose()?;
        let ran = phase::run(&server, &pushes, threads, limit.map(Duration::from_secs));
        ids.extend(acknowledged_of(&pushes, &ran));
        println!("{}", serde_json::to_string(&ran)?);
    }
    fs::write(acknowledged, ids.concat()).with_context(|| format!("writing {acknowledged}"))
}

fn acknowledged_of(pushes: &[Push], ran: &phase::Ran) -> Vec<String> {
    ran.acknowledged.iter().map(|at| format!("{}\n", pushes[*at].batch_id)).collect()
}
