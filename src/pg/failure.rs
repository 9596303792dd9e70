//! Why a statement failed: the server's word, sorted into reasons that a reader can act on.

use std::error::Error;

use postgres::error::SqlState;
use wire::{Outcome, Reason, Verdict};

use crate::collect::part::{Done, Fragment};
use crate::collect::pg_log::masked;

pub const LOCK_NOT_AVAILABLE: SqlState = SqlState::LOCK_NOT_AVAILABLE;

/// What can come back instead of rows.
#[derive(Debug)]
pub enum Failure {
    Sql(postgres::Error),
    /// A value that we cannot read: a defect of our SQL.
    Value(String),
    /// The run's deadline has passed: nothing was sent.
    OutOfTime,
}

impl From<postgres::Error> for Failure {
    fn from(e: postgres::Error) -> Failure {
        Failure::Sql(e)
    }
}

impl From<Box<dyn Error + Sync + Send>> for Failure {
    fn from(e: Box<dyn Error + Sync + Send>) -> Failure {
        Failure::Value(e.to_string())
    }
}

impl Failure {
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            Failure::Sql(e) => e.code(),
            Failure::Value(_) | Failure::OutOfTime => None,
        }
    }

    /// Position in the statement's text, when a name in it means nothing to this server.
    pub fn unknown_name_at(&self) -> Option<u32> {
        let Failure::Sql(e) = self else { return None };
        let db = e.as_db_error()?;
        let unknown = [SqlState::UNDEFINED_COLUMN, SqlState::UNDEFINED_FUNCTION].contains(db.code());
        match db.position() {
            Some(postgres::error::ErrorPosition::Original(position)) if unknown => Some(*position),
            _ => None,
        }
    }

    /// The message, where the server has what was asked for and refuses it.
    pub fn refusal(&self) -> Option<&str> {
        let Failure::Sql(e) = self else { return None };
        let refused = [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::FEATURE_NOT_SUPPORTED];
        e.as_db_error().filter(|db| refused.contains(db.code())).map(|db| db.message())
    }

    pub fn outcome(&self) -> Outcome {
        match self {
            Failure::OutOfTime => Outcome::skipped(Reason::OutOfTime),
            Failure::Value(why) => Outcome::failed(Reason::Other).detail(why.clone()),
            Failure::Sql(e) => match e.as_db_error() {
                Some(db) => Outcome { sqlstate: Some(db.code().code().to_owned()), ..of_state(db) },
                None => Outcome::failed(Reason::ConnectionLost).detail(sentence(e)),
            },
        }
    }

    pub fn done(&self, key: &'static str) -> Done {
        Done { key, fragment: Fragment::Nothing, outcome: self.outcome() }
    }
}

fn of_state(db: &postgres::error::DbError) -> Outcome {
    let (verdict, reason) = match db.code().code() {
        "42501" => (Verdict::Failed, Reason::Privilege),
        "55P03" => (Verdict::Skipped, Reason::Lock),
        "57014" | "25P03" | "25P04" => (Verdict::Failed, Reason::Timeout),
        "0A000" => (Verdict::Skipped, Reason::NotApplicable),
        "42703" | "42883" | "42P01" => (Verdict::Skipped, Reason::Version),
        "57P01" | "57P02" | "57P03" | "57P05" | "08003" | "08006" => {
            (Verdict::Failed, Reason::ConnectionLost)
        }
        "3D000" => (Verdict::Skipped, Reason::DatabaseDropped),
        _ => (Verdict::Failed, Reason::Other),
    };
    // The message only, and without what it quotes: DETAIL and HINT are data for the most part.
    Outcome::new(verdict, reason).detail(masked::of_failure(db.code().code(), db.message()))
}

/// An error and its causes, in one line.
pub fn sentence(e: &dyn Error) -> String {
    let mut text = e.to_string();
    let mut cause = e.source();
    while let Some(e) = cause {
        let more = e.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = e.source();
    }
    text
}
