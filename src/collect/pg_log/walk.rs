//! The way through the files: from the position to their end, or as far as this run may go.
//!
//! Memory holds one piece of a file. An entry that is longer than a piece is cut there: its beginning is told, the rest
//! passed over, in this run or the next.

use std::time::Instant;

use super::figures::Figures;
use super::format::Format;
use super::position::{self, Listed, Position, TAIL};
use super::source::{Source, Trouble};
use crate::pg::session::Session;

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;
/// Of one entry.
const MOST_OF_ONE: usize = 1 << 20;
/// A file that has been left alone for so long holds whole entries: a writer would have finished.
const SETTLED_NS: i64 = 2_000_000_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of this run.
    pub(super) bytes: u64,
    pub(super) until: Instant,
    /// With more before it than this it goes on from `fresh` bytes before the end.
    pub(super) reach: u64,
    pub(super) fresh: u64,
}

/// How far it went.
#[derive(Debug, Default)]
pub(super) struct Way {
    pub(super) bytes: u64,
    pub(super) waiting_bytes: u64,
    pub(super) skipped_bytes: u64,
    pub(super) position: Option<Position>,
}

/// The files to read, each from where.
pub(super) struct Route {
    pub(super) files: Vec<(Listed, u64)>,
    /// The first begins within an entry.
    pub(super) within: bool,
    /// Nobody writes to the last one any more.
    pub(super) over: bool,
    pub(super) now_ns: i64,
}

pub(super) struct Walk<'a, 's, 'c> {
    pub(super) source: &'a mut Source,
    pub(super) session: &'s mut Session<'c>,
    pub(super) format: &'a Format,
    pub(super) figures: &'a mut Figures,
    pub(super) limits: Limits,
}

impl Walk<'_, '_, '_> {
    pub(super) fn go(&mut self, mut route: Route) -> Result<Way, Trouble> {
        let mut way = Way { skipped_bytes: skip(&mut route, &self.limits), ..Way::default() };
        let count = route.files.len();
        let mut within = route.within;
        let mut latest = None;
        for (n, (file, from)) in route.files.iter().enumerate() {
            let over = n + 1 < count || route.over;
            let settled = over || route.now_ns - file.modified_ns >= SETTLED_NS;
            let mut reading = Reading::new(file, *from, within);
            self.file(&mut reading, over, settled, &mut way)?;
            let left = file.bytes.saturating_sub(reading.base);
            let later = route.files[n + 1..].iter().map(|(file, from)| file.bytes.saturating_sub(*from));
            way.waiting_bytes = left + later.sum::<u64>();
            latest = Some(reading);
            if left > 0 && over || self.is_spent(&way) || self.source.is_spent() {
                break;
            }
            within = false;
        }
        way.position = latest.map(|reading| self.position(reading)).transpose()?;
        Ok(way)
    }

    fn is_spent(&self, way: &Way) -> bool {
        way.bytes >= self.limits.bytes || Instant::now() >= self.limits.until
    }

    /// One file, up to its end or the end of what this run may.
    fn file(&mut self, r: &mut Reading, over: bool, settled: bool, way: &mut Way) -> Result<(), Trouble> {
        loop {
            let begin = r.base + r.bytes.len() as u64;
            let rest = r.file.bytes.saturating_sub(begin).min(self.limits.bytes.saturating_sub(way.bytes));
            let most = usize::try_from(rest).unwrap_or(usize::MAX).min(PIECE);
            let read = match most {
                0 => 0,
                _ => self.source.read(self.session, r.file, begin, most, &mut r.bytes)?,
            };
            way.bytes += read as u64;
            // The server is not asked for anything meanwhile: that it does not answer means nothing.
            self.session.sign();
            // Shorter than it was listed: somebody emptied it.
            let short = read == 0 && rest > 0 && !self.source.is_spent();
            let end = begin + read as u64 >= r.file.bytes || short;
            let last = end && settled;
            self.entries(r, last, over);
            let stop = end || read == 0 || self.is_spent(way);
            let too_long =
                r.bytes.len() >= MOST_OF_ONE || stop && !end && r.took == 0 && r.bytes.len() > PIECE;
            if too_long {
                self.cut(r);
            }
            if stop {
                return Ok(());
            }
        }
    }

    fn entries(&mut self, r: &mut Reading, last: bool, over: bool) {
        if r.within {
            match self.format.next_start(&r.bytes) {
                Some(start) => {
                    r.take(start);
                    r.within = false;
                }
                // Up to the line under way: an entry may begin with it.
                None => {
                    let line = memchr::memrchr(b'\n', &r.bytes).unwrap_or_default();
                    let line = if over && last { r.bytes.len() } else { line };
                    return r.take(line);
                }
            }
        }
        // A line without its end may be half of one; in a file that nobody writes to any more it is all there is.
        let whole = match last {
            true if !over => memchr::memrchr(b'\n', &r.bytes).map_or(0, |at| at + 1),
            _ => r.bytes.len(),
        };
        let took = self.format.entries(&r.bytes[..whole], last, self.figures);
        r.take(took);
    }

    /// What there is of an entry that does not end.
    fn cut(&mut self, r: &mut Reading) {
        if !r.within {
            self.format.entries(&r.bytes, true, self.figures);
            self.figures.cut += 1;
        }
        // One byte stays: a line's end shows where the next entry begins.
        r.take(r.bytes.len().saturating_sub(1));
        r.within = true;
    }

    fn position(&mut self, r: Reading) -> Result<Position, Trouble> {
        let Reading { file, base, within, mut tail, .. } = r;
        let wanted = TAIL.min(usize::try_from(base).unwrap_or(TAIL));
        if tail.len() < wanted {
            tail.clear();
            self.source.read(self.session, file, base - wanted as u64, wanted, &mut tail)?;
        }
        let bytes = usize::try_from(file.bytes).unwrap_or(position::HEAD).min(position::HEAD);
        let head = self.source.head(file, bytes)?;
        Ok(Position {
            format: String::new(),
            file: file.name.clone(),
            offset: base,
            head_bytes: head.len() as u64,
            head: position::print(&head),
            tail: position::print(&tail),
            within,
            modified_ns: file.modified_ns,
            time_us: self.figures.to_us.unwrap_or_default(),
        })
    }
}

/// A file under way: what was read of it and not made entries of.
struct Reading<'a> {
    file: &'a Listed,
    bytes: Vec<u8>,
    /// Where in the file they begin.
    base: u64,
    within: bool,
    /// What came before them.
    tail: Vec<u8>,
    /// How much was made entries of.
    took: u64,
}

impl<'a> Reading<'a> {
    fn new(file: &'a Listed, from: u64, within: bool) -> Reading<'a> {
        Reading { file, bytes: Vec::with_capacity(2 * PIECE), base: from, within, tail: Vec::new(), took: 0 }
    }

    fn take(&mut self, bytes: usize) {
        let taken = &self.bytes[..bytes];
        if taken.len() >= TAIL {
            self.tail.clear();
            self.tail.extend_from_slice(&taken[taken.len() - TAIL..]);
        } else {
            // Short of what a position needs: it is read again.
            self.tail.clear();
        }
        self.bytes.drain(..bytes);
        self.base += bytes as u64;
        self.took += bytes as u64;
    }
}

/// Passes over what is beyond reach; gives back how much that is.
fn skip(route: &mut Route, limits: &Limits) -> u64 {
    let left = |(file, from): &(Listed, u64)| file.bytes.saturating_sub(*from);
    let all: u64 = route.files.iter().map(left).sum();
    if all <= limits.reach {
        return 0;
    }
    let mut skip = all - limits.fresh;
    let skipped = skip;
    while let Some(first) = route.files.first() {
        if left(first) > skip || route.files.len() == 1 {
            break;
        }
        skip -= left(first);
        route.files.remove(0);
        route.within = false;
    }
    if let Some((_, from)) = route.files.first_mut().filter(|_| skip > 0) {
        *from += skip - 1;
        route.within = true;
    }
    skipped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(files: &[(u64, u64)]) -> Route {
        let file = |(bytes, from): &(u64, u64)| {
            (Listed { name: bytes.to_string(), bytes: *bytes, modified_ns: 0 }, *from)
        };
        Route { files: files.iter().map(file).collect(), within: true, over: false, now_ns: 0 }
    }

    fn left(files: &[(u64, u64)], reach: u64, fresh: u64) -> (u64, Vec<(u64, u64)>, bool) {
        let limits = Limits { bytes: u64::MAX, until: Instant::now(), reach, fresh };
        let mut route = route(files);
        let skipped = skip(&mut route, &limits);
        (skipped, route.files.iter().map(|(file, from)| (file.bytes, *from)).collect(), route.within)
    }

    #[test]
    fn what_is_beyond_reach_is_passed_over() {
        let files = [(100, 40), (200, 0), (50, 0)];
        assert_eq!(left(&files, 310, 10), (0, files.to_vec(), true), "within reach");
        // 300 pass: the first, the second, and 40 of the last; a byte before is read again.
        assert_eq!(left(&files, 309, 10), (300, vec![(50, 39)], true));
        assert_eq!(left(&files, 309, 250), (60, vec![(200, 0), (50, 0)], false), "at a file's beginning");
        assert_eq!(left(&[(5, 9)], 0, 0), (0, vec![(5, 9)], true), "a file that shrank");
    }
}
