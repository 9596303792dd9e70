//! The run of it: where the log is, where reading stopped, and what came since.
//!
//! The position travels in the item, and is kept in the ledger once the batch is sealed: `state/ledger.rs` says what a
//! crash between the two does.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use wire::{Outcome, Reason, Verdict};

use super::follow::{Followed, Follower};
use super::position::{Listed, Position};
use super::source::{self, Local, Server, Source, Trouble};
use super::walk::Limits;
use crate::collect::part::{self, Done, Fragment};
use crate::collect::statement_text::Texts;
use crate::collect::{Cx, Keep, Placed};
use crate::pg::failure::Failure;
use crate::pg::rows::Lossy;
use crate::pg::session::Session;
use crate::state::ledger::RawJson;

pub(super) const KEY: &str = "log";
const PLACE: &str = include_str!("place.13.sql");
/// Over SQL: what the server reads for us in one run.
const MOST_OVER_SQL: u64 = 1 << 20;
const REACH_OVER_SQL: u64 = 16 << 20;
/// Of files on this host. What is left waits for the next run.
const MOST_LOCAL: u64 = 4 << 30;
const LONGEST: Duration = Duration::from_secs(2);
const REACH_LOCAL: u64 = 8 << 30;
const FRESH_LOCAL: u64 = 1 << 30;

/// What the server says of its log.
pub(super) struct Place {
    logging_collector: bool,
    pub(super) destinations: Vec<String>,
    pub(super) prefix: String,
    pub(super) zone: String,
    pub(super) offset_s: i32,
    pub(super) terse: bool,
    folder: Option<(String, String)>,
    may_list: bool,
    may_read: bool,
}

pub(super) fn run(session: &mut Session, cx: &Cx) -> Vec<Placed> {
    let done = collect(session, cx).unwrap_or_else(|outcome| Done {
        key: KEY,
        fragment: Fragment::Nothing,
        outcome: *outcome,
    });
    vec![Placed { database: None, done }]
}

fn collect(session: &mut Session, cx: &Cx) -> Result<Done, Box<Outcome>> {
    let place = place(session).map_err(|failure| failure.outcome())?;
    let mut source = find(session, cx, &place)?;
    let known = cx.memory.log_positions.get(cx.server).and_then(|raw| raw.read());
    let follower = Follower {
        place: &place,
        named: log_file(cx),
        now_us: if matches!(source, Source::Local(_)) {
            jiff::Timestamp::now().as_microsecond()
        } else {
            cx.facts.now_us
        },
        texts: Texts::of(cx.config),
        limits: limits(session, &source),
    };
    let followed = follower.follow(session, &mut source, known).map_err(|trouble| outcome_of(&trouble))?;
    let file = followed.position.file.clone();
    let (done, position) = told(&source, &file, followed);
    session.keep = RawJson::of(&position).map(Keep::LogPosition);
    Ok(done)
}

fn log_file<'a>(cx: &Cx<'a>) -> Option<&'a Path> {
    cx.config.servers.iter().find(|s| s.name == cx.server)?.log_file.as_deref()
}

fn limits(session: &Session, source: &Source) -> Limits {
    let until = Instant::now() + LONGEST.min(session.time_left() / 4);
    match source {
        Source::Local(_) => Limits { bytes: MOST_LOCAL, until, reach: REACH_LOCAL, fresh: FRESH_LOCAL },
        Source::Server(_) => {
            Limits { bytes: MOST_OVER_SQL, until, reach: REACH_OVER_SQL, fresh: MOST_OVER_SQL / 2 }
        }
    }
}

fn place(session: &mut Session) -> Result<Place, Failure> {
    let mut found = None;
    session.query("pg_log.place", PLACE, &[], |row| {
        let text = |column: &str| {
            Ok::<_, postgres::Error>(
                row.try_get::<_, Option<Lossy>>(column)?.map(|l| l.0).unwrap_or_default(),
            )
        };
        let folder = (text("data_directory")?, text("log_directory")?);
        found = Some(Place {
            logging_collector: text("logging_collector")? == "on",
            destinations: text("log_destination")?.split(',').map(|word| word.trim().to_owned()).collect(),
            prefix: text("log_line_prefix")?,
            zone: text("log_timezone")?,
            terse: text("log_error_verbosity")? == "terse",
            offset_s: row.try_get::<_, Option<i32>>("offset_s")?.unwrap_or_default(),
            // The data directory and the log's below it, or anywhere.
            folder: (!folder.0.is_empty()).then_some(folder),
            may_list: row.try_get("may_list")?,
            may_read: row.try_get("may_read")?,
        });
        Ok(())
    })?;
    found.ok_or_else(|| Failure::Value("the server says nothing of its log".to_owned()))
}

/// Where the files are to be read from.
fn find(session: &mut Session, cx: &Cx, place: &Place) -> Result<Source, Box<Outcome>> {
    if let Some(path) = log_file(cx) {
        return Ok(Source::Local(Local::file(path)));
    }
    if !place.logging_collector {
        let why = "logging_collector is off: the server writes no files of its own. Turn it on, or name the file that its \
                   stderr goes to as log_file";
        return Err(Box::new(Outcome::skipped(Reason::NotApplicable).detail(why)));
    }
    if !place.destinations.iter().any(|word| matches!(word.as_str(), "stderr" | "csvlog" | "jsonlog")) {
        let why = format!("log_destination is {}: nothing of it is in files", place.destinations.join(","));
        return Err(Box::new(Outcome::skipped(Reason::NotApplicable).detail(why)));
    }
    let Some((data, folder)) = place.folder.as_ref().filter(|_| place.may_list) else {
        let why = "the role may not see where the log is: grant pg_monitor to it";
        return Err(Box::new(Outcome::failed(Reason::Privilege).detail(why)));
    };
    let listed = source::on_server(session).map_err(|failure| failure.outcome())?;
    let refused = match cx.server_is_local() {
        true => match on_this_host(Path::new(data).join(folder), &listed) {
            Ok(local) => return Ok(Source::Local(local)),
            Err(why) => why,
        },
        false => "the server is on another host".to_owned(),
    };
    match place.may_read {
        true => Ok(Source::Server(Server::new(folder.clone(), listed, MOST_OVER_SQL))),
        false => {
            let why = format!("{refused}, and by SQL the role may not read it");
            Err(Box::new(Outcome::skipped(Reason::Privilege).detail(why)))
        }
    }
}

/// The server's folder, if it is here and may be read.
fn on_this_host(folder: PathBuf, listed: &[Listed]) -> Result<Local, String> {
    let local = Local::folder(folder.clone());
    match std::fs::read_dir(&folder) {
        Err(e) => Err(format!("{}: {e}", folder.display())),
        Ok(_) if !local.is_that_of(listed) => {
            Err(format!("what is in {} on this host is not what the server lists", folder.display()))
        }
        Ok(_) => match listed.last().map(|file| std::fs::File::open(folder.join(&file.name))) {
            Some(Err(e)) => Err(format!("{}: {e}", folder.display())),
            _ => Ok(local),
        },
    }
}

fn told(source: &Source, file: &str, followed: Followed) -> (Done, Position) {
    let Followed { position, way, lost, item } = followed;
    let entries = item.as_ref().map_or(0, |item| item.entries);
    let mut outcome = Outcome { rows: entries, ..Outcome::default() };
    let partly = |outcome: &mut Outcome, reason, why: String| {
        outcome.verdict = Verdict::Partial;
        outcome.reason = Some(reason);
        outcome.detail = Some(why);
    };
    if item.is_none() {
        partly(&mut outcome, Reason::FirstRun, "entries from here on are told by the next run".to_owned());
    }
    if way.skipped_bytes > 0 {
        let why = format!("the log is too far ahead: {} bytes of it were passed over", way.skipped_bytes);
        partly(&mut outcome, Reason::Other, why);
    }
    if lost {
        let why = "the file that was read last is gone: entries in it may be missing".to_owned();
        partly(&mut outcome, Reason::Other, why);
    }
    let head = Head {
        source: source.name(),
        format: &position.format,
        file,
        bytes: way.bytes,
        waiting_bytes: way.waiting_bytes,
        skipped_bytes: way.skipped_bytes,
        position_lost: lost,
        position: &position,
    };
    let mut fields = part::fields(&head);
    if let Some(item) = &item {
        fields.push(b',');
        fields.extend(part::fields(item));
    }
    (Done { key: KEY, fragment: Fragment::Fields(fields), outcome }, position)
}

#[derive(Serialize)]
struct Head<'a> {
    source: &'static str,
    format: &'a str,
    file: &'a str,
    /// That were read in this run.
    bytes: u64,
    waiting_bytes: u64,
    skipped_bytes: u64,
    position_lost: bool,
    position: &'a Position,
}

fn outcome_of(trouble: &Trouble) -> Outcome {
    match trouble {
        Trouble::Server(failure) => failure.outcome(),
        Trouble::Host(path, e) => {
            let reason = match e.kind() {
                io::ErrorKind::PermissionDenied => Reason::Privilege,
                io::ErrorKind::NotFound => Reason::NotApplicable,
                _ => Reason::Other,
            };
            let why = format!("reading {}: {e}; let the user that runs this read it", path.display());
            match reason {
                Reason::Other => Outcome::failed(reason).detail(why),
                _ => Outcome::skipped(reason).detail(why),
            }
        }
    }
}
