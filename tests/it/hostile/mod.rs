//! Somebody who means harm: in the state directory, on this host, at the backend, in the database.

mod backend;
mod database;
mod secrets;
mod state;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::home::{Home, Run};
use crate::support::poll::{LONG, eventually};

/// All files below, links as themselves.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match path.is_dir() && !path.is_symlink() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

/// A run, and the most memory that it had, in kB.
fn measured(home: &Home, args: &[&str]) -> (Run, u64) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_pganalytics"));
    program.arg("--config").arg(home.config_path()).args(args);
    let mut run = home.spawn_command(program);
    let mut most = 0;
    eventually(LONG, || {
        let status = fs::read_to_string(format!("/proc/{}/status", run.id())).unwrap_or_default();
        let told = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let told = told.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
        most = most.max(told.unwrap_or(0));
        if run.is_running() { Err("it runs") } else { Ok(()) }
    });
    (run.wait(LONG), most)
}
