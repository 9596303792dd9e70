pub mod collect;
pub mod config;
