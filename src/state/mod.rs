//! The state directory: the lock, and how a file in it is written.
//!
//! Crash argument: a file appears whole or not at all (written beside, renamed), so a reader never meets a torn
//! one; the lock is the kernel's and dies with its holder. Two runs that lock different inodes would both believe to be
//! alone: so everybody locks the directory, which is always the same, and the file in it is never removed.
//!
//! Whoever owns the directory may lay anything into it, and root's runs by hand read and write there too: a symbolic link is
//! never followed, to read, to write or to lock, and neither is a pipe waited for.

pub mod breaker;
pub mod ledger;
mod owner;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::iter;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::OFlags;

pub use owner::{careful, give_to_owner};

const LINK: &str = "it is a symbolic link, and those are not followed here: remove it";

#[derive(Clone, Debug)]
pub struct StateDir {
    root: PathBuf,
}

/// Held for the whole run; the kernel lets go of it whatever way the run ends.
#[derive(Debug)]
pub struct Lock {
    _folder: File,
    _file: Option<File>,
}

#[derive(Debug)]
pub enum Locked {
    Mine(Lock),
    /// Somebody else's, with what they wrote into it.
    Busy(String),
}

impl StateDir {
    /// For those who only look, or take what they get: there may be no such directory.
    pub fn at(root: &Path) -> StateDir {
        StateDir { root: root.to_owned() }
    }

    /// Makes the directory, private to its owner, where it is missing.
    pub fn open(root: &Path) -> Result<StateDir> {
        let state = StateDir::at(root);
        if !root.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(root).with_context(|| {
                format!(
                    "creating the state directory {0}; make it with: install -d -o pganalytics -m 0700 {0}",
                    root.display()
                )
            })?;
            owner::give_to_service_user(root);
        }
        Ok(state)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger.json")
    }

    pub fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    pub fn reject(&self) -> PathBuf {
        self.root.join("reject")
    }

    /// A folder of ours, made when first needed.
    pub fn folder(&self, path: &Path) -> io::Result<()> {
        not_a_link(path)?;
        if !path.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            give_to_owner(path, &self.root);
        }
        Ok(())
    }

    /// Tries once. The directory itself is locked, which a full or read-only disk allows too, so that the figures of that very
    /// disk still leave the host. Its file is locked as well wherever it opens: it says whose the lock is.
    pub fn lock(&self) -> Result<Locked> {
        let path = self.root.join("lock");
        let folder = File::open(&self.root).with_context(|| {
            format!(
                "opening the state directory {} to lock it; its owner must be the user that runs this",
                self.root.display()
            )
        })?;
        let file = lock_file(&path);
        for held in iter::once(&folder).chain(&file) {
            match held.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let since = read_text(&path).unwrap_or_default();
                    return Ok(Locked::Busy(since.trim().to_owned()));
                }
                Err(TryLockError::Error(e)) => {
                    return Err(e).with_context(|| format!("locking {}", path.display()));
                }
            }
        }
        if let Some(mut file) = file.as_ref() {
            give_to_owner(&path, &self.root);
            let note = format!("pid {} since {}\n", std::process::id(), jiff::Timestamp::now());
            // For people only: a full disk must not stop the run here.
            let _ =
                file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(note.as_bytes()));
        }
        Ok(Locked::Mine(Lock { _folder: folder, _file: file }))
    }
}

/// `None`: whatever it is that keeps it from being opened, the directory is locked.
fn lock_file(path: &Path) -> Option<File> {
    if let Err(e) = not_a_link(path) {
        log::warn!("{}: {e}; the directory alone is locked", path.display());
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags());
    options.open(path).ok()
}

fn flags() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

/// The kernel's own words for it speak of too many levels.
fn told(e: io::Error, path: &Path) -> io::Error {
    not_a_link(path).err().unwrap_or(e)
}

pub fn not_a_link(path: &Path) -> io::Result<()> {
    match path.is_symlink() {
        true => Err(io::Error::other(LINK)),
        false => Ok(()),
    }
}

/// A file of ours, to be read: a plain file, or none.
pub fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(flags()).open(path).map_err(|e| told(e, path))?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no plain file: remove it")),
    }
}

pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open(path)?.read_to_end(&mut content)?;
    Ok(content)
}

pub fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// How much a write must survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A power cut may undo it: it costs a repetition only.
    Renamed,
    /// On disk before this returns.
    Synced,
}

/// Replaces `path` by `content`, whole or not at all. A symbolic link there is replaced, never followed.
pub fn write_atomic(path: &Path, content: &[u8], mode: u32, durability: Durability) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.new"));
    let written = write_beside(&beside, content, mode, durability).and_then(|()| fs::rename(&beside, path));
    if let Err(e) = written {
        let _ = fs::remove_file(&beside);
        return Err(e);
    }
    give_to_owner(path, folder);
    if durability == Durability::Synced {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn write_beside(beside: &Path, content: &[u8], mode: u32, durability: Durability) -> io::Result<()> {
    // What a killed run left there, or what somebody planted: gone, so that create_new cannot be led elsewhere.
    match fs::remove_file(beside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(beside)?;
    file.write_all(content)?;
    if durability == Durability::Synced {
        file.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
