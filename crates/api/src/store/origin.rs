//! Which database connections lead to. What is remembered of one is worth nothing with another, which may have taken its
//! place under the same address: a standby after a failover, or what was restored from a backup.
//!
//! Each new connection tells it before anybody has it: the server's process, by the microsecond in which it was started, and
//! the database in it. A pool that grows stays where it is. A connection that cannot tell is none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use deadpool_postgres::HookError;
use tokio_postgres::Client;

use super::pool::WAIT;

const WHO: &str = "select extract(epoch from pg_catalog.pg_postmaster_start_time())::text || ' ' || oid::text \
                   from pg_catalog.pg_database where datname = pg_catalog.current_database()";

#[derive(Default)]
pub(super) struct Origin {
    newest: Mutex<Option<String>>,
    changes: AtomicU64,
}

impl Origin {
    pub(super) async fn look(&self, client: &Client) -> Result<(), HookError> {
        let told = tokio::time::timeout(WAIT, client.query_typed(WHO, &[])).await;
        let rows = told.map_err(|_| HookError::message("a new connection does not answer"))?;
        let rows = rows.map_err(HookError::Backend)?;
        let one = rows.first().map(|row| row.get(0));
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if *newest != one {
            *newest = one;
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }
}
