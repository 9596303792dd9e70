//! Asks filesystems how full they are. One whose server is gone may answer never: those are asked in threads of
//! their own, all at once, and waited for together. A thread that is left behind ends with the process.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

pub(super) struct Ask {
    pub(super) path: PathBuf,
    pub(super) may_hang: bool,
}

#[derive(Clone, Copy)]
pub(super) struct How {
    pub(super) usage: fn(&Path) -> io::Result<Usage>,
    /// For all together that may hang.
    pub(super) patience: Duration,
}

/// What `statvfs` said. `None`: it said something that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    /// Without symbolic links.
    pub(super) path: PathBuf,
    pub(super) total_bytes: Option<u64>,
    pub(super) used_bytes: Option<u64>,
    /// For an ordinary user: without what is reserved for root.
    pub(super) free_bytes: Option<u64>,
    pub(super) inodes_total: u64,
    pub(super) inodes_free: u64,
}

#[derive(Debug)]
pub(super) enum Failure {
    Hung,
    Io(io::Error),
}

impl Failure {
    pub(super) fn is_privilege(&self) -> bool {
        matches!(self, Failure::Io(error) if error.kind() == ErrorKind::PermissionDenied)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Hung => write!(f, "did not answer in time"),
            Failure::Io(error) => error.fmt(f),
        }
    }
}

pub(super) fn usage(path: &Path) -> io::Result<Usage> {
    let path = path.canonicalize()?;
    let told = rustix::fs::statvfs(&path)?;
    let bytes = |blocks: u64| blocks.checked_mul(told.f_frsize);
    Ok(Usage {
        total_bytes: bytes(told.f_blocks),
        used_bytes: told.f_blocks.checked_sub(told.f_bfree).and_then(bytes),
        free_bytes: bytes(told.f_bavail),
        inodes_total: told.f_files,
        inodes_free: told.f_ffree,
        path,
    })
}

type Answer = Result<Usage, Failure>;

/// Answers in the order of the asks, after `patience` at the latest where only those hang that may.
pub(super) fn measure(asks: Vec<Ask>, how: How) -> Vec<Answer> {
    let start = Instant::now();
    let mut answers: Vec<Option<Answer>> = asks.iter().map(|_| None).collect();
    let (sender, receiver) = channel();
    let mut here = Vec::new();
    for (at, ask) in asks.into_iter().enumerate() {
        match ask.may_hang {
            true => answers[at] = aside(at, ask.path, how, sender.clone()).err().map(|e| Err(Failure::Io(e))),
            false => here.push((at, ask.path)),
        }
    }
    drop(sender);
    for (at, path) in here {
        answers[at] = Some((how.usage)(&path).map_err(Failure::Io));
    }
    for (at, answer) in until(&receiver, start + how.patience) {
        answers[at] = Some(answer.map_err(Failure::Io));
    }
    answers.into_iter().map(|answer| answer.unwrap_or(Err(Failure::Hung))).collect()
}

type Told = (usize, io::Result<Usage>);

fn aside(at: usize, path: PathBuf, how: How, sender: Sender<Told>) -> io::Result<()> {
    // Nobody listens any more to one that answers late: that is no error.
    let ask = move || drop(sender.send((at, (how.usage)(&path))));
    thread::Builder::new().name("statvfs".to_string()).spawn(ask).map(drop)
}

/// Ends early when nobody is left who could say something.
fn until(receiver: &Receiver<Told>, end: Instant) -> impl Iterator<Item = Told> {
    std::iter::from_fn(move || receiver.recv_timeout(end.saturating_duration_since(Instant::now())).ok())
}
