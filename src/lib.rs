pub mod batch;
pub mod collect;
pub mod config;
pub mod exit;
pub mod push;
pub mod spool;
pub mod state;
