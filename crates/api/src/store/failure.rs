//! What an error of the database means for whoever asked. The server's own words stay in the log.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It cannot be reached, or is not able to work: later it may.
    #[error("the database is not available: {0}")]
    Away(String),
    /// Somebody else was in the way: the same again may work at once.
    #[error("the transaction met another: {0}")]
    Again(tokio_postgres::Error),
    /// Rows lie outside of all partitions.
    #[error("there is no partition for a row: {0}")]
    NoPartition(tokio_postgres::Error),
    /// This very data is what it cannot take.
    #[error("the database refuses the data: {0}")]
    Data(tokio_postgres::Error),
    #[error("the database failed: {0}")]
    Other(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(e: tokio_postgres::Error) -> Failure {
        let Some(state) = e.code() else {
            return if e.is_closed() || e.as_db_error().is_none() {
                Failure::Away(chain(&e))
            } else {
                Failure::Other(e)
            };
        };
        if state == &SqlState::CHECK_VIOLATION && e.as_db_error().is_some_and(|db| db.constraint().is_none())
        {
            return Failure::NoPartition(e);
        }
        match &state.code()[..2] {
            // Connection, insufficient resources, operator intervention (among them: shutting down), read-only, disk.
            "08" | "53" | "57" | "25" | "58" => Failure::Away(chain(&e)),
            "40" | "55" => Failure::Again(e),
            // Data, integrity, and limits of the program.
            "22" | "23" | "54" => Failure::Data(e),
            _ => Failure::Other(e),
        }
    }
}

impl From<PoolError> for Failure {
    fn from(e: PoolError) -> Failure {
        match e {
            PoolError::Backend(e) => Failure::Away(chain(&e)),
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
