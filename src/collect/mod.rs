//! Collecting: what a collector is, and what it gives back.

pub mod part;
