//! Collecting: what a collector is, and what it gives back.

pub mod disk_usage;
mod host;
pub mod part;
pub mod sysstat;
