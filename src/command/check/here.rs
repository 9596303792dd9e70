//! This host's side: state directory, lock, spool, log, textfile. Looked at, never touched: not even the lock is tried,
//! as a cycle that begins just then would find it taken.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::Timestamp;
use rustix::fs::{Access, access};
use rustix::process::geteuid;

use super::finding::Finding;
use crate::config::{Config, Output, Target};
use crate::spool::{Spool, depth};
use crate::state::breaker::Gate;
use crate::state::{StateDir, ledger};

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let state = StateDir::at(&config.run.state_dir);
    let mut found = state_dir(state.root());
    found.extend(lock(&state));
    found.push(spool(config, &state));
    found.extend(rejected(&state));
    found.extend(breaker(&state));
    if matches!(config.logging.output, Output::File | Output::Both) {
        found.push(file("log file", &config.logging.file_path));
    }
    found.extend(config.textfile.as_deref().map(|path| file("textfile", path)));
    found
}

fn state_dir(root: &Path) -> Vec<Finding> {
    let shown = root.display();
    let Ok(meta) = fs::metadata(root) else {
        return vec![match makeable(root) {
            Ok(()) => {
                Finding::advice(format!("state directory {shown} is not there: the first cycle makes it"))
            }
            Err(e) => Finding::trouble(format!(
                "state directory {shown} is not there and cannot be made ({e}): install -d -o pganalytics -m 0700 {shown}"
            )),
        }];
    };
    if let Err(e) = usable(root) {
        return vec![Finding::trouble(format!(
            "state directory {shown} cannot be used by this user ({e}): run this as its owner, or chown it"
        ))];
    }
    let mut found = vec![Finding::fine(format!("state directory {shown}: usable"))];
    if meta.mode() & 0o077 != 0 {
        found.push(Finding::advice(format!("state directory {shown} is open to others: chmod 0700 {shown}")));
    }
    found.extend(strangers(root, meta.uid()));
    if geteuid().is_root() && meta.uid() != 0 {
        let owner = meta.uid();
        found.push(Finding::advice(format!(
            "looked at as root, who may do everything: to see what cron's user sees, run this as user {owner}"
        )));
    }
    found
}

/// Files that the directory's owner could not use: what a run of somebody else has left.
fn strangers(root: &Path, owner: u32) -> Option<Finding> {
    let listed = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().collect::<Vec<_>>();
    let inside = ["spool", "reject", "previous"].map(|name| listed(&root.join(name)));
    let all = listed(root).into_iter().chain(inside.into_iter().flatten());
    let theirs = all.filter(|e| e.metadata().is_ok_and(|m| m.uid() != owner)).count();
    (theirs > 0).then(|| {
        let shown = root.display();
        Finding::trouble(format!(
            "{theirs} files in {shown} do not belong to its owner, who may not be able to use them: \
             chown -R --reference={shown} {shown}"
        ))
    })
}

/// Asked of the kernel's list: who tries a lock has it for a moment.
fn lock(state: &StateDir) -> Option<Finding> {
    let path = state.root().join("lock");
    let inode = fs::metadata(state.root()).ok()?.ino();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let held = locks.lines().any(|line| line.contains("FLOCK") && line.contains(&format!(":{inode} ")));
    if !held {
        return Some(Finding::fine("lock: free"));
    }
    let who = crate::state::read_text(&path).unwrap_or_default();
    Some(Finding::advice(format!("lock: a cycle is under way ({})", who.trim())))
}

fn spool(config: &Config, state: &StateDir) -> Finding {
    match Spool::open(state).entries() {
        Err(e) => Finding::trouble(format!("spool: {e:#}")),
        Ok(entries) if entries.is_empty() => Finding::fine("spool: empty"),
        Ok(entries) => {
            let depth = depth(&entries);
            let full = 100 * depth.bytes / config.spool.max_bytes.max(1);
            Finding::advice(format!(
                "spool: {} batches wait, {} kB ({full} % of max_bytes), the oldest for {} s",
                depth.batches,
                depth.bytes.div_ceil(1000),
                depth.oldest.as_secs()
            ))
        }
    }
}

fn rejected(state: &StateDir) -> Option<Finding> {
    let entries = Spool::rejected(state).entries().unwrap_or_default();
    (!entries.is_empty()).then(|| {
        Finding::advice(format!(
            "rejected: the backend has refused {} batches for good: pganalytics spool list, then spool flush --rejected",
            entries.len()
        ))
    })
}

fn breaker(state: &StateDir) -> Option<Finding> {
    let now = Timestamp::now().as_second();
    match ledger::peek(&state.ledger()).breaker.gate(now) {
        Gate::Closed => None,
        Gate::HalfOpen => {
            Some(Finding::advice("breaker: the last pushes failed; the next cycle tries with one batch"))
        }
        Gate::Open { until } => Some(Finding::trouble(format!(
            "breaker: open for {} s more, as the last pushes failed; pganalytics spool flush sends now",
            until - now
        ))),
    }
}

/// Where it cannot be written a cycle is complete all the same, and says so.
fn file(what: &str, path: &Path) -> Finding {
    let shown = path.display();
    let folder = path.parent().unwrap_or(Path::new("/"));
    let can = match path.try_exists() {
        Ok(true) => {
            access(path, Access::WRITE_OK).map_err(io::Error::from).and_then(|()| match path.is_dir() {
                true => Err(io::Error::from(io::ErrorKind::IsADirectory)),
                false => Ok(()),
            })
        }
        _ => usable(folder),
    };
    match can {
        Ok(()) => Finding::fine(format!("{what} {shown}: writable")),
        Err(e) => {
            Finding::advice(format!("{what} {shown} cannot be written ({e}): make its directory writable"))
        }
    }
}

/// A target that is a directory, or none that a cycle would have to write.
pub(super) fn target(target: &Target) -> Option<Finding> {
    match target {
        Target::Http(_) => None,
        Target::Stdout => Some(Finding::fine("batches go to stdout")),
        Target::File(folder) => {
            let shown = folder.display();
            let can = if folder.exists() { usable(folder) } else { makeable(folder) };
            Some(match can {
                Ok(()) => Finding::fine(format!("directory {shown}: writable")),
                Err(e) => Finding::trouble(format!(
                    "directory {shown} cannot be written ({e}): make it so, for this user"
                )),
            })
        }
    }
}

fn usable(folder: &Path) -> io::Result<()> {
    if !fs::metadata(folder)?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::NotADirectory));
    }
    Ok(access(folder, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)?)
}

/// Whether the folders that are missing could be made.
fn makeable(folder: &Path) -> io::Result<()> {
    let mut around = folder.parent();
    while let Some(path) = around {
        match fs::symlink_metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => around = path.parent(),
            Err(e) => return Err(e),
            Ok(_) => return usable(path),
        }
    }
    Err(io::Error::from(io::ErrorKind::NotFound))
}
