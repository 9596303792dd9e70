//! The command line as people and scripts use it: every form, what it prints, how it ends.

mod commands;
mod cycle;
mod mail;
mod migrate;
mod obstacles;
mod owners;
mod spool;
pub(crate) mod terminal;
