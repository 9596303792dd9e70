//! The log: one line each, `<RFC 3339> <LEVEL>: <text>`, to the file that scripts read.
//!
//! Only our own words are written: what a library logs could hold what must not be told. The file is opened anew in
//! each run, for appending, so that it can be rotated without a signal.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use log::{LevelFilter, Log, Metadata, Record};

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
    let mut sinks = Sinks {
        json: logging.json,
        file: None,
        file_level: logging.level,
        stdout: output == Output::Stdout,
        stderr,
    };
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
    let level = logging.level.max(sinks.stderr);
    // Only main starts it, and once.
    if log::set_boxed_logger(Box::new(sinks)).is_ok() {
        log::set_max_level(level);
    }
    obstacle
}

fn open(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let flags = careful(folder);
    let file = OpenOptions::new().append(true).create(true).mode(0o640).custom_flags(flags).open(path)?;
    give_to_owner(path, folder);
    Ok(file)
}

/// Where lines go, and from which level on.
struct Sinks {
    json: bool,
    file: Option<File>,
    file_level: LevelFilter,
    stdout: bool,
    stderr: LevelFilter,
}

impl Log for Sinks {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.target().starts_with("pganalytics") && metadata.level() <= self.file_level.max(self.stderr)
    }

    /// One write for each sink, so that lines of two processes never mix. A full disk must not end the run; the report has
    /// its own way out.
    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = self.line(record);
        if record.level() <= self.file_level {
            if let Some(mut file) = self.file.as_ref() {
                let _ = file.write_all(line.as_bytes());
            }
            if self.stdout {
                let _ = io::stdout().write_all(line.as_bytes());
            }
        }
        if record.level() <= self.stderr {
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }

    fn flush(&self) {}
}

impl Sinks {
    fn line(&self, record: &Record) -> String {
        let at = jiff::Timestamp::now().round(jiff::Unit::Millisecond).unwrap_or_default();
        let (level, text) = (record.level(), record.args().to_string());
        if self.json {
            let object =
                serde_json::json!({ "time": at.to_string(), "level": level.as_str(), "message": text });
            return format!("{object}\n");
        }
        format!("{at} {level}: {}\n", plain(&text))
    }
}
