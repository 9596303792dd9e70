//! The collector. Where to look for what, in the order in which data moves:
//!
//! - [`cli`], [`config`]: what an operator may say
//! - [`cron`]: one run, top to bottom; [`command`]: everything that is not a run
//! - [`collect`]: the plan, the coordinator, and a folder for each collector
//! - [`pg`]: connections, sessions, and the conversion of values
//! - [`findings`]: what deserves attention in what was collected; [`quote`]: how it is shown
//! - [`privacy`]: what may leave this host
//! - [`batch`], [`spool`], [`push`]: from items to delivery, with [`http`] and [`trust`] below
//! - [`report`], [`exit`], [`log`], [`plain`]: what everybody is told
//! - [`state`]: what one run leaves for the next

pub mod batch;
pub mod cli;
pub mod collect;
pub mod command;
pub mod config;
pub mod cron;
pub mod event;
pub mod exit;
pub mod findings;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod http;
pub mod log;
pub mod pg;
pub mod plain;
pub mod privacy;
pub mod push;
pub mod quote;
pub mod report;
pub mod signals;
pub mod spool;
pub mod state;
pub mod trust;
pub mod usage;
pub mod version;
