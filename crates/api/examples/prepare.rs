//! What a batch costs before it reaches the database, for `scripts/check-instructions`: the text in FILE, of a collector that
//! has no id of ours, is prepared TIMES times, and the number of its records is printed.
//!
//!     prepare FILE TIMES

#![allow(clippy::print_stdout)]

use std::fs;

use anyhow::{Context, Result, anyhow, bail};
use jiff::{SignedDuration, Timestamp};
use pganalytics_api::ingest::prepare::{Bounds, prepare};
use pganalytics_api::retention::Retention;
use uuid::Uuid;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, times] = &arguments[..] else { bail!("usage: prepare FILE TIMES") };
    let text = fs::read_to_string(file).with_context(|| format!("reading {file}"))?;
    let bounds = Bounds {
        now: Timestamp::now(),
        ahead: SignedDuration::from_mins(5),
        retention: Retention::default(),
    };
    let mut records = 0;
    for _ in 0..times.parse()? {
        let prepared = prepare(&text, Uuid::nil(), &bounds).map_err(|fault| anyhow!("{fault:?}"))?;
        records = prepared.records;
    }
    println!("{records}");
    Ok(())
}
