//! A cycle tells the truth: every figure is what the server, the host or the run itself says, and moves when they do.

mod agent;
mod columns;
mod complete;
pub(crate) mod item;
mod limits;
mod log;
mod moves;
mod registry;
pub(crate) mod sql_files;
mod textfile;
mod values;
mod wire;
