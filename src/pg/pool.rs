//! One r2d2 pool for each server: the budget of connections that a run may hold open on it.
//!
//! Its items are slots rather than connections. Making a slot does no I/O, so the pool never retries, sleeps, or turns
//! an error into a string; whoever holds a slot opens the connection it needs and sees why that failed. A visit holds
//! exactly one slot and asks for no second, so there is nothing to deadlock on.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use r2d2::{ManageConnection, PooledConnection};
use scheduled_thread_pool::ScheduledThreadPool;

use super::connect::{Connection, connect};
use super::progress::{Progress, Stage};
use super::refusal::Refusal;
use super::tls::Connector;
use crate::config;

pub type Pool = r2d2::Pool<Slots>;
pub type Held = PooledConnection<Slots>;

pub struct Slot {
    database: String,
    connection: Option<Connection>,
    connector: Arc<Connector>,
}

#[derive(Default)]
pub struct Slots {
    /// One for all slots of a server.
    connector: Arc<Connector>,
}

impl ManageConnection for Slots {
    type Connection = Slot;
    type Error = Infallible;

    fn connect(&self) -> Result<Slot, Infallible> {
        Ok(Slot { database: String::new(), connection: None, connector: self.connector.clone() })
    }

    fn is_valid(&self, _: &mut Slot) -> Result<(), Infallible> {
        Ok(())
    }

    /// A broken connection leaves its slot, the slot stays.
    fn has_broken(&self, slot: &mut Slot) -> bool {
        if slot.connection.as_ref().is_some_and(|c| c.client.is_closed()) {
            slot.close();
        }
        false
    }
}

pub fn pool(size: &config::Pool, reaper: Arc<ScheduledThreadPool>) -> Pool {
    r2d2::Pool::builder()
        .max_size(size.max)
        .min_idle(Some(size.min.min(size.max)))
        .idle_timeout(Some(size.idle_timeout.max(Duration::from_secs(1))))
        .max_lifetime(None)
        .test_on_check_out(false)
        .connection_timeout(Duration::from_secs(1))
        .thread_pool(reaper)
        .build_unchecked(Slots::default())
}

impl Slot {
    pub fn is_open_on(&self, database: &str) -> bool {
        self.database == database && self.connection.as_ref().is_some_and(|c| !c.client.is_closed())
    }

    /// The slot's connection to that database, opened now unless it is open already.
    pub fn open(
        &mut self,
        server: &config::Server,
        database: &str,
        deadline: Instant,
        progress: &Progress,
    ) -> Result<&mut Connection, Refusal> {
        if !self.is_open_on(database) {
            // Closed first: the budget counts what is open.
            self.close();
            self.connection = Some(connect(server, database, deadline, progress, &self.connector)?);
            database.clone_into(&mut self.database);
        }
        progress.reach(Stage::Open);
        self.connection.as_mut().ok_or_else(Refusal::lost)
    }

    pub fn close(&mut self) {
        self.connection = None;
        self.database.clear();
    }
}
