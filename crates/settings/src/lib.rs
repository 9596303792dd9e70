//! The collector's configuration keys: one table of them, and how a TOML text is checked against it. Shared by the
//! collector, which lives by it, and the backend, which stores nothing that a collector would refuse.
//!
//! Knows no files, no environment, and nothing of what values mean together.

pub mod document;
pub mod keys;
pub mod problem;
pub mod remote;
pub mod value;
