//! From the position that was kept to the one that will be: which form of the log, which files, and the way through them.
//!
//! A server that changes log_destination is followed: the old form is read to its end, then the new one, without the
//! entries that both have. As long as the form that was read is still written, it is the one to read.

use std::path::Path;

use super::collect::Place;
use super::figures::{Figures, Item};
use super::format::Format;
use super::position::{self, Course, Listed, Position, TAIL, course};
use super::prefix::Prefix;
use super::source::{Source, Trouble};
use super::times::Clock;
use super::walk::{Limits, Route, Walk, Way};
use crate::collect::statement_text::Texts;
use crate::pg::session::Session;

pub(super) struct Follower<'a> {
    pub(super) place: &'a Place,
    /// The file that the configuration names.
    pub(super) named: Option<&'a Path>,
    pub(super) now_us: i64,
    pub(super) texts: Texts,
    pub(super) limits: Limits,
}

pub(super) struct Followed {
    pub(super) position: Position,
    pub(super) way: Way,
    pub(super) lost: bool,
    /// `None`: nothing was read before, so nothing is new.
    pub(super) item: Option<Item>,
}

impl Follower<'_> {
    pub(super) fn follow(
        &self,
        session: &mut Session,
        source: &mut Source,
        known: Option<Position>,
    ) -> Result<Followed, Trouble> {
        let files = source.list()?;
        let form = self.form(known.as_ref());
        let of =
            |form: &str| files.iter().filter(|f| form_of(&f.name) == Some(form)).cloned().collect::<Vec<_>>();
        let Some(known) = known else {
            let position = self.beginning(session, source, of(form), form)?;
            return Ok(Followed { position, way: Way::default(), lost: false, item: None });
        };
        let clock = Clock::new(&self.place.zone, self.place.offset_s);
        let mut figures = Figures::new(clock, self.texts, self.place.terse, known.time_us);
        let changed = known.format != form;
        let old = of(&known.format);
        let mut followed = self.through(session, source, &mut figures, known, old, changed)?;
        if changed && followed.way.waiting_bytes == 0 {
            // The new form may have been written beside the old one for a while.
            figures.pass_over_what_was_read();
            let Position { modified_ns, time_us, .. } = followed.position;
            let start = Position { format: form.to_owned(), modified_ns, time_us, ..Position::default() };
            let then = self.through(session, source, &mut figures, start, of(form), false)?;
            followed.position = then.position;
            followed.way.bytes += then.way.bytes;
            followed.way.skipped_bytes += then.way.skipped_bytes;
            followed.way.waiting_bytes = then.way.waiting_bytes;
        }
        Ok(Followed { item: Some(figures.item()), ..followed })
    }

    /// The form to read: the one that was read so far, as long as the server writes it; else the one that says most.
    fn form(&self, known: Option<&Position>) -> &'static str {
        if let Some(path) = self.named {
            return form_of(&path.to_string_lossy()).unwrap_or("stderr");
        }
        let writes = |form: &&&str| self.place.destinations.iter().any(|word| word == **form);
        let written = || ["jsonlog", "csvlog", "stderr"].iter().filter(writes);
        let kept = known.and_then(|position| written().find(|form| **form == position.format));
        kept.or_else(|| written().next()).copied().unwrap_or("stderr")
    }

    /// The end of what there is: from there on everything is new.
    fn beginning(
        &self,
        session: &mut Session,
        source: &mut Source,
        files: Vec<Listed>,
        form: &str,
    ) -> Result<Position, Trouble> {
        let modified_ns = self.now_us * 1000;
        let nowhere = Position { format: form.to_owned(), modified_ns, ..Position::default() };
        let Some(file) = files.last() else { return Ok(nowhere) };
        // One byte before the end: a line's end there shows that an entry begins behind it.
        let offset = file.bytes.saturating_sub(1);
        let wanted = TAIL.min(usize::try_from(offset).unwrap_or(TAIL));
        let mut tail = Vec::new();
        source.read(session, file, offset - wanted as u64, wanted, &mut tail)?;
        let head = source.head(file, first_bytes(file))?;
        Ok(Position {
            file: file.name.clone(),
            offset,
            head_bytes: head.len() as u64,
            head: position::print(&head),
            tail: position::print(&tail),
            within: offset > 0,
            modified_ns: file.modified_ns,
            ..nowhere
        })
    }

    /// `over`: nobody writes in this form any more.
    fn through(
        &self,
        session: &mut Session,
        source: &mut Source,
        figures: &mut Figures,
        known: Position,
        files: Vec<Listed>,
        over: bool,
    ) -> Result<Followed, Trouble> {
        let Course { files, lost } = course(&known, files, |file| is_same(session, source, &known, file))?;
        let first = files.first().map(|(file, from)| (file.name.clone(), *from));
        let format = match known.format.as_str() {
            "csvlog" => Format::Csv,
            "jsonlog" => Format::Json,
            _ => Format::Stderr(Prefix::parse(&self.place.prefix)),
        };
        let within = known.within && !lost;
        let route = Route { files, within, over, now_ns: self.now_us * 1000 };
        let way = Walk { source, session, format: &format, figures, limits: self.limits }.go(route)?;
        let position = match &way.position {
            Some(position) => Position { format: known.format.clone(), ..position.clone() },
            // What comes is in files that are not there yet.
            None if first.is_none() => {
                Position { file: String::new(), offset: 0, within: false, ..known.clone() }
            }
            None => known.clone(),
        };
        let time_us = known.time_us.max(position.time_us);
        let lost = lost && !known.file.is_empty();
        Ok(Followed { position: Position { time_us, ..position }, way, lost, item: None })
    }
}

fn is_same(
    session: &mut Session,
    source: &mut Source,
    known: &Position,
    file: &Listed,
) -> Result<bool, Trouble> {
    let wanted = TAIL.min(usize::try_from(known.offset).unwrap_or(TAIL));
    let mut tail = Vec::new();
    source.read(session, file, known.offset - wanted as u64, wanted, &mut tail)?;
    let head = source.head(file, usize::try_from(known.head_bytes).unwrap_or_default())?;
    Ok(position::print(&head) == known.head && position::print(&tail) == known.tail)
}

fn first_bytes(file: &Listed) -> usize {
    position::HEAD.min(usize::try_from(file.bytes).unwrap_or(position::HEAD))
}

/// The form that a file's name tells. `None`: it is packed.
fn form_of(name: &str) -> Option<&'static str> {
    const PACKED: [&str; 7] = [".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".tmp"];
    // `x.csv`, and `x.csv.1` when it was renamed.
    let is = |ending: &str| {
        let behind = |at: usize| name.as_bytes().get(at + ending.len());
        name.match_indices(ending).any(|(at, _)| matches!(behind(at), None | Some(b'.' | b'-')))
    };
    match () {
        () if PACKED.iter().any(|ending| name.ends_with(ending)) => None,
        () if is(".csv") => Some("csvlog"),
        () if is(".json") => Some("jsonlog"),
        () => Some("stderr"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_form() {
        for (name, form) in [
            ("postgresql-2026-02-03.log", Some("stderr")),
            ("postgresql.log.1", Some("stderr")),
            ("a.csv", Some("csvlog")),
            ("a.csv-20260203", Some("csvlog")),
            ("a.json.2", Some("jsonlog")),
            ("a.csvs", Some("stderr")),
            ("a.csv.1.gz", None),
        ] {
            assert_eq!(form_of(name), form, "{name}");
        }
    }
}
