//! What an error of the database means for whoever asked. The server's own words stay in the log.

use deadpool_postgres::{HookError, PoolError};
use tokio_postgres::error::SqlState;

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It cannot be reached, or is not able to work: later it may.
    #[error("the database is not available: {0}")]
    Away(String),
    /// It is there, and this took it too long: the same again may take as long.
    #[error("the database took too long: {}", told(.0))]
    Slow(tokio_postgres::Error),
    /// Somebody else was in the way: the same again may work at once.
    #[error("the transaction met another: {}", told(.0))]
    Again(tokio_postgres::Error),
    /// Rows lie outside of all partitions.
    #[error("there is no partition for a row: {}", told(.0))]
    NoPartition(tokio_postgres::Error),
    /// This very data is what it cannot take.
    #[error("the database refuses the data: {}", told(.0))]
    Data(tokio_postgres::Error),
    #[error("the database failed: {}", told(.0))]
    Other(tokio_postgres::Error),
}

/// What it was, without what was sent: the words of class 22 and 23 quote values, a detail may always.
pub fn told(e: &tokio_postgres::Error) -> String {
    let Some(db) = e.as_db_error() else { return chain(e) };
    let (state, table) = (db.code().code(), db.table().unwrap_or("-"));
    match &state[..2] {
        "22" | "23" => {
            format!("SQLSTATE {state}, table {table}, constraint {}", db.constraint().unwrap_or("-"))
        }
        _ => format!("SQLSTATE {state}: {}", db.message()),
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(e: tokio_postgres::Error) -> Failure {
        match Class::of(&e) {
            Class::Away => Failure::Away(told(&e)),
            Class::Slow => Failure::Slow(e),
            Class::Again => Failure::Again(e),
            Class::NoPartition => Failure::NoPartition(e),
            Class::Data => Failure::Data(e),
            Class::Other => Failure::Other(e),
        }
    }
}

/// Whether the same may work later, with nothing done about it.
pub fn passes(e: &anyhow::Error) -> bool {
    let of_database = e.chain().find_map(|cause| cause.downcast_ref::<tokio_postgres::Error>());
    of_database.is_some_and(|e| matches!(Class::of(e), Class::Away | Class::Slow | Class::Again))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Away,
    Slow,
    Again,
    NoPartition,
    Data,
    Other,
}

impl Class {
    fn of(e: &tokio_postgres::Error) -> Class {
        let Some(db) = e.as_db_error() else { return Class::Away };
        if db.code() == &SqlState::CHECK_VIOLATION && db.constraint().is_none() {
            return Class::NoPartition;
        }
        // A time limit, of the server's or of the pool's, or somebody who saw it run for long.
        if db.code() == &SqlState::QUERY_CANCELED {
            return Class::Slow;
        }
        match &db.code().code()[..2] {
            // Connection, insufficient resources, operator intervention (among them: shutting down), read-only, disk.
            "08" | "53" | "57" | "25" | "58" => Class::Away,
            "40" | "55" => Class::Again,
            // Data, integrity, and limits of the program.
            "22" | "23" | "54" => Class::Data,
            _ => Class::Other,
        }
    }
}

impl From<PoolError> for Failure {
    fn from(e: PoolError) -> Failure {
        match e {
            PoolError::Backend(e) | PoolError::PostCreateHook(HookError::Backend(e)) => {
                Failure::Away(told(&e))
            }
            PoolError::Timeout(_) => Failure::Away("no connection of the pool came free".to_owned()),
            other => Failure::Away(other.to_string()),
        }
    }
}

/// With its causes: the driver's own first line says only which step it was.
fn chain(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut cause = e.source();
    while let Some(deeper) = cause {
        text += &format!(": {deeper}");
        cause = deeper.source();
    }
    text
}
