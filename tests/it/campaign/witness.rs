//! Who sees every batch that is ever sealed: the kernel tells of each file that comes into the spool under its final
//! name, whatever becomes of it and of the run that made it.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

const ROOM: usize = 1 << 16;

pub(super) struct Witness {
    inotify: OwnedFd,
    /// Ids of batches and of parts, and the sequence of each.
    pub(super) sealed: BTreeMap<String, u64>,
}

impl Witness {
    pub(super) fn of(spool: &Path) -> Witness {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        inotify::add_watch(&inotify, spool, WatchFlags::MOVED_TO | WatchFlags::CREATE).unwrap();
        Witness { inotify, sealed: BTreeMap::new() }
    }

    /// What has come since it was asked last.
    pub(super) fn look(&mut self) {
        let mut room = vec![MaybeUninit::uninit(); ROOM];
        let mut events = inotify::Reader::new(&self.inotify, &mut room);
        loop {
            let event = match events.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return,
                Err(e) => panic!("watching the spool: {e}"),
            };
            let blind = ReadFlags::QUEUE_OVERFLOW | ReadFlags::IGNORED;
            assert!(!event.events().intersects(blind), "the kernel tells no more of the spool: {event:?}");
            let name = event.file_name().map(|name| name.to_string_lossy().into_owned());
            let sealed = name.as_deref().and_then(batch);
            self.sealed.extend(sealed.map(|(sequence, id)| (id.to_owned(), sequence)));
        }
    }
}

/// Of a file that is whole: one under way has a name that begins with a dot.
pub(super) fn batch(file: &str) -> Option<(u64, &str)> {
    let (sequence, id) = file.strip_suffix(".json.gz")?.split_once('-')?;
    Some((sequence.parse().ok()?, id))
}
