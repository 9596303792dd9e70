//! Parses the command line, does what was asked for, and exits with 1 if that failed.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use pganalytics_api::command::{Cli, run};

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(std::io::stderr(), "pganalytics-api: {e:#}");
            ExitCode::FAILURE
        }
    }
}
