//! Collecting: what a collector is, and what it gives back.

mod host;
pub mod part;
pub mod sysstat;
