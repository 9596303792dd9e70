//! What leaves the host, and what does not: every text has a class, and nothing that is to be hidden gets out.

pub(crate) mod classes;
mod manifest;
mod marked;
mod scene;
