//! The files of a log, wherever they are: on this host, or behind the server's own functions.
//!
//! Refuses to take files of this host for the server's because their names are alike: names, sizes and times must be
//! those that the server lists. (An address of this host may be the near end of a tunnel.)

use std::cmp::Reverse;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use postgres::types::Type;

use super::position::{Listed, in_order};
use crate::pg::failure::Failure;
use crate::pg::rows::Lossy;
use crate::pg::session::Session;

const FILES: &str = include_str!("files.13.sql");
const PIECE: &str = include_str!("piece.13.sql");
/// Of one folder, the latest.
const MOST_FILES: usize = 1000;
/// Of the server's list that are looked for on this host.
const COMPARED: usize = 10;

pub(super) enum Source {
    Local(Local),
    Server(Server),
}

/// What keeps a log from being read.
#[derive(Debug)]
pub(super) enum Trouble {
    Server(Failure),
    Host(PathBuf, io::Error),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble::Server(failure)
    }
}

pub(super) struct Local {
    folder: PathBuf,
    /// The file that the configuration names: it and what it was renamed to.
    named: Option<String>,
    /// The file that was read last.
    open: Option<(String, File)>,
}

pub(super) struct Server {
    folder: String,
    /// Bytes that may still be fetched in this run.
    pub(super) left: u64,
    held: Held,
    /// As the probe's look at the folder had it.
    listed: Vec<Listed>,
}

/// What was fetched last.
#[derive(Default)]
struct Held {
    name: String,
    /// The first bytes of the file.
    head: Vec<u8>,
    from: u64,
    bytes: Vec<u8>,
}

impl Source {
    /// The oldest first.
    pub(super) fn list(&mut self) -> Result<Vec<Listed>, Trouble> {
        match self {
            Source::Local(local) => local.list().map_err(|e| Trouble::Host(local.folder.clone(), e)),
            Source::Server(server) => Ok(std::mem::take(&mut server.listed)),
        }
    }

    /// Appends up to `most` bytes of a file from `from` on; gives back how many. Fewer: that is all, or all for now.
    pub(super) fn read(
        &mut self,
        session: &mut Session,
        file: &Listed,
        from: u64,
        most: usize,
        out: &mut Vec<u8>,
    ) -> Result<usize, Trouble> {
        match self {
            Source::Local(local) => local
                .read(&file.name, from, most, out)
                .map_err(|e| Trouble::Host(local.folder.join(&file.name), e)),
            Source::Server(server) => Ok(server.read(session, file, from, most, out)?),
        }
    }

    /// The first bytes of a file that was read from just now.
    pub(super) fn head(&mut self, file: &Listed, most: usize) -> Result<Vec<u8>, Trouble> {
        let mut head = Vec::new();
        match self {
            Source::Local(local) => {
                let read = local.read(&file.name, 0, most, &mut head);
                read.map_err(|e| Trouble::Host(local.folder.join(&file.name), e))?;
            }
            Source::Server(Server { held, .. }) if held.name == file.name => {
                head.extend_from_slice(&held.head[..held.head.len().min(most)]);
            }
            Source::Server(_) => {}
        }
        Ok(head)
    }

    /// This run may not have more of it.
    pub(super) fn is_spent(&self) -> bool {
        matches!(self, Source::Server(server) if server.left == 0)
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Source::Local(_) => "file",
            Source::Server(_) => "sql",
        }
    }
}

impl Local {
    pub(super) fn folder(folder: PathBuf) -> Local {
        Local { folder, named: None, open: None }
    }

    pub(super) fn file(path: &Path) -> Local {
        let named = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Local { folder: path.parent().unwrap_or(Path::new("/")).to_owned(), named, open: None }
    }

    fn list(&self) -> io::Result<Vec<Listed>> {
        let mut latest = Vec::new();
        for entry in fs::read_dir(&self.folder)?.flatten() {
            latest.extend(self.look_at(&entry));
            if latest.len() == 2 * MOST_FILES {
                keep_latest(&mut latest);
            }
        }
        keep_latest(&mut latest);
        Ok(in_order(latest))
    }

    fn look_at(&self, entry: &fs::DirEntry) -> Option<Listed> {
        let name = entry.file_name().into_string().ok()?;
        let wanted = self.named.as_ref().is_none_or(|named| name.starts_with(named.as_str()));
        let metadata = wanted.then(|| fs::metadata(entry.path()).ok()).flatten()?;
        metadata.is_file().then(|| listed(name, &metadata))
    }

    fn read(&mut self, name: &str, from: u64, most: usize, out: &mut Vec<u8>) -> io::Result<usize> {
        // One handle all along: a name may go to another file between two readings.
        if self.open.as_ref().is_none_or(|(open, _)| open != name) {
            self.open = Some((name.to_owned(), File::open(self.folder.join(name))?));
        }
        let Some((_, file)) = &self.open else { return Ok(0) };
        let begin = out.len();
        out.resize(begin + most, 0);
        let mut read = 0;
        while read < most {
            match file.read_at(&mut out[begin + read..], from + read as u64) {
                Ok(0) => break,
                Ok(n) => read += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    out.truncate(begin);
                    return Err(e);
                }
            }
        }
        out.truncate(begin + read);
        Ok(read)
    }

    /// Whether these are the files that the server lists. Those that it writes to may have grown since.
    pub(super) fn is_that_of(&self, server: &[Listed]) -> bool {
        if server.is_empty() {
            return self.list().is_ok_and(|ours| ours.is_empty());
        }
        let mut compared = server.iter().rev().take(COMPARED);
        compared.all(|theirs| {
            let Ok(metadata) = fs::metadata(self.folder.join(&theirs.name)) else { return false };
            let ours = listed(String::new(), &metadata);
            let grown = ours.bytes > theirs.bytes && ours.modified_s() >= theirs.modified_s();
            let same = ours.bytes == theirs.bytes && ours.modified_s() == theirs.modified_s();
            grown && is_recent(&ours) || same
        })
    }
}

fn is_recent(file: &Listed) -> bool {
    (jiff::Timestamp::now().as_second() - file.modified_s()).abs() < 60
}

fn keep_latest(files: &mut Vec<Listed>) {
    files.sort_unstable_by_key(|file| Reverse(file.modified_ns));
    files.truncate(MOST_FILES);
}

fn listed(name: String, metadata: &fs::Metadata) -> Listed {
    let modified_ns = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
    Listed { name, bytes: metadata.len(), modified_ns }
}

impl Server {
    pub(super) fn new(folder: String, listed: Vec<Listed>, most_bytes: u64) -> Server {
        Server { folder, left: most_bytes, held: Held::default(), listed }
    }

    /// One statement for all that this run may still fetch: what is asked for piece by piece comes from what is held.
    fn read(
        &mut self,
        session: &mut Session,
        file: &Listed,
        from: u64,
        most: usize,
        out: &mut Vec<u8>,
    ) -> Result<usize, Failure> {
        let held = &self.held;
        let end = held.from + held.bytes.len() as u64;
        if held.name != file.name || from < held.from || from >= end {
            let want = file.bytes.saturating_sub(from).min(self.left);
            if want == 0 && held.name == file.name {
                return Ok(0);
            }
            self.held = self.fetch(session, &file.name, from, want)?;
            self.left -= (self.held.bytes.len() as u64).min(self.left);
        }
        let held = &self.held;
        let at = usize::try_from(from - held.from).unwrap_or(usize::MAX).min(held.bytes.len());
        let piece = &held.bytes[at..held.bytes.len().min(at + most)];
        out.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn fetch(&self, session: &mut Session, name: &str, from: u64, most: u64) -> Result<Held, Failure> {
        let path = format!("{}/{name}", self.folder);
        let (at, most) = (from.cast_signed(), most.cast_signed());
        let mut held = Held { name: name.to_owned(), from, ..Held::default() };
        session.query(
            "pg_log.piece",
            PIECE,
            &[(&path, Type::TEXT), (&at, Type::INT8), (&most, Type::INT8)],
            |row| {
                held.head = row.try_get::<_, Option<Vec<u8>>>("head")?.unwrap_or_default();
                held.bytes = row.try_get::<_, Option<Vec<u8>>>("piece")?.unwrap_or_default();
                Ok(())
            },
        )?;
        Ok(held)
    }
}

/// What the server lists, the oldest first.
pub(super) fn on_server(session: &mut Session) -> Result<Vec<Listed>, Failure> {
    let mut files = Vec::new();
    session.query("pg_log.files", FILES, &[], |row| {
        let name = row.try_get::<_, Lossy>("name")?.0;
        let bytes = row.try_get::<_, i64>("bytes")?.cast_unsigned();
        let modified_ns = row.try_get::<_, i64>("modified_s")?.saturating_mul(1_000_000_000);
        files.push(Listed { name, bytes, modified_ns });
        Ok(())
    })?;
    Ok(in_order(files))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn files_with_the_same_names_are_not_the_servers_for_that() {
        let dir = tempfile::tempdir().unwrap();
        let local = Local::folder(dir.path().to_owned());
        for name in ["a.log", "b.log"] {
            fs::write(dir.path().join(name), "12345").unwrap();
        }
        let here = local.list().unwrap();
        let like = |change: fn(&mut Listed)| {
            let mut theirs = here.clone();
            theirs.iter_mut().for_each(|file| file.modified_ns = file.modified_s() * 1_000_000_000);
            change(&mut theirs[0]);
            local.is_that_of(&theirs)
        };
        assert!(like(|_| {}));
        assert!(!local.is_that_of(&[]), "there is none");
        assert!(like(|file| file.bytes -= 1), "it has grown since");
        assert!(!like(|file| file.bytes += 1), "it cannot have shrunk");
        assert!(!like(|file| file.modified_ns -= 5_000_000_000), "of the same length, and older there");
        assert!(!like(|file| file.name = "c.log".into()));
    }
    #[test]
    fn of_a_crowded_folder_the_latest_are_seen() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..2 * MOST_FILES + 500 {
            let file = File::create(dir.path().join(format!("{:04}.log", n * 7919 % 10_000))).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(n as u64)).unwrap();
        }
        let found = Local::folder(dir.path().to_owned()).list().unwrap();
        let seconds = found.iter().map(|file| file.modified_ns / 1_000_000_000);
        assert!(seconds.eq((MOST_FILES as i64 + 500..).take(MOST_FILES)), "the latest, in order");
    }
}
