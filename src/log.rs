//! The log: one line each, `<RFC 3339> <LEVEL>: <text>`, to the file that scripts read.
//!
//! Only our own words are written: what a library logs could hold what must not be told. The file is opened anew in
//! each run, for appending, so that it can be rotated without a signal.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use env_logger::fmt::Formatter;
use env_logger::{Builder, Target};
use log::{LevelFilter, Record};

use crate::config::{self, Config, Output};
use crate::plain::plain;
use crate::state::{careful, give_to_owner};

/// Starts logging, and says what stood in its way.
pub fn start(config: &Config, verbose: u8, dry_run: bool) -> Option<String> {
    let logging = &config.logging;
    // Where stdout holds batches, nothing else may.
    let output = match logging.output {
        Output::Stdout if dry_run || config.backend.target == config::Target::Stdout => Output::Stderr,
        output => output,
    };
    let stderr = match (verbose, output) {
        (0, Output::Stderr | Output::Both) => logging.level,
        (0, Output::File | Output::Stdout) => LevelFilter::Off,
        (1, _) => LevelFilter::Info,
        (2, _) => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    // Whoever looks at a batch on stdout should hear beside it what is missing from it.
    let stderr = if dry_run { stderr.max(LevelFilter::Warn) } else { stderr };
    let mut sinks = Sinks { file: None, file_level: logging.level, stdout: output == Output::Stdout, stderr };
    let mut obstacle = None;
    if !dry_run && matches!(output, Output::File | Output::Both) {
        match open(&logging.file_path) {
            Ok(file) => sinks.file = Some(file),
            Err(e) => {
                let path = logging.file_path.display();
                obstacle = Some(format!(
                    "log file {path} cannot be opened ({e}); make its directory writable to this user. Errors go to stderr"
                ));
                let fallback = if io::stderr().is_terminal() { logging.level } else { LevelFilter::Error };
                sinks.stderr = sinks.stderr.max(fallback);
            }
        }
    }
    let (level, json) = (logging.level.max(sinks.stderr), logging.json);
    Builder::new()
        .filter_module("pganalytics", level)
        .format(move |out, record| line(out, record, json))
        .target(Target::Pipe(Box::new(sinks)))
        .init();
    obstacle
}

fn open(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let flags = careful(folder);
    let file = OpenOptions::new().append(true).create(true).mode(0o640).custom_flags(flags).open(path)?;
    give_to_owner(path, folder);
    Ok(file)
}

fn line(out: &mut Formatter, record: &Record, json: bool) -> io::Result<()> {
    let (at, level) =
        (jiff::Timestamp::now().round(jiff::Unit::Millisecond).unwrap_or_default(), record.level());
    let text = record.args().to_string();
    if json {
        let object = serde_json::json!({ "time": at.to_string(), "level": level.as_str(), "message": text });
        return writeln!(out, "{object}");
    }
    writeln!(out, "{at} {level}: {}", plain(&text))
}

/// Where lines go. One write for each, so that lines of two processes never mix.
struct Sinks {
    file: Option<File>,
    file_level: LevelFilter,
    stdout: bool,
    stderr: LevelFilter,
}

impl Write for Sinks {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let level = level_of(line);
        if level.is_none_or(|l| l <= self.file_level) {
            if let Some(file) = &mut self.file {
                // A full disk must not end the run; the report has its own way out.
                let _ = file.write_all(line);
            }
            if self.stdout {
                let _ = io::stdout().write_all(line);
            }
        }
        if level.is_none_or(|l| l <= self.stderr) {
            let _ = io::stderr().write_all(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The level that a finished line tells, in either format.
fn level_of(line: &[u8]) -> Option<log::Level> {
    let text = String::from_utf8_lossy(line);
    let word = match text.strip_prefix('{') {
        Some(_) => text.split("\"level\":\"").nth(1)?.split('"').next()?,
        None => text.split(' ').nth(1)?.trim_end_matches(':'),
    };
    word.parse().ok()
}
