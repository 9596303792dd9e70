//! The only SQL of this crate: plain functions over a client or a pool, with typed arguments. Knows no HTTP.
//!
//! Statements are sent unnamed (`query_typed`), or are prepared and used within one transaction: a pooler in transaction
//! mode may stand in between. Every transaction carries its own time limits.

pub mod attempts;
pub mod audit;
pub mod batches;
pub mod collectors;
pub mod configs;
pub mod dead_letters;
pub mod failure;
pub mod fleet;
pub mod items;
pub mod migrate;
mod origin;
pub mod partitions;
pub mod places;
pub mod pool;
pub mod sessions;
pub mod signs;
pub mod texts;
mod tls;
pub mod users;
pub mod view;
pub mod watch;
