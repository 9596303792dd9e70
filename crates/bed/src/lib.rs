//! What tests stand on: real servers, a backend that misbehaves on request, a network that does, a home for one
//! collector. Nothing here knows what the programs under test do, and nothing outlives the test process (see `warden`).

#![allow(
    clippy::unwrap_used,
    clippy::new_without_default,
    clippy::print_stdout,
    reason = "tests only: they fail by panicking, and say what repeats it"
)]

pub mod api;
pub mod bouncer;
pub mod chance;
pub mod cluster;
pub mod home;
pub mod poll;
pub mod ports;
pub mod postmaster;
pub mod proxy;
pub mod stub;
pub mod warden;

use std::path::{Path, PathBuf};

/// The PostgreSQL majors that this run tests: `PGA_TEST_MAJORS`, else a short list that spans what differs.
pub fn majors() -> Vec<u32> {
    let list = std::env::var("PGA_TEST_MAJORS").unwrap_or_else(|_| "13,15,18".into());
    list.split(',').map(|m| m.trim().parse().expect("PGA_TEST_MAJORS is a list such as 13,15,18")).collect()
}

/// A program of this workspace, as it was built for the tests: it lies beside their folder.
pub fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().expect("a test knows its own file");
    let built = tests.parent().and_then(Path::parent).expect("tests lie in a folder of their own");
    built.join(name)
}

/// The top of the checkout.
pub fn top() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().and_then(Path::parent).expect("this crate lies two folders below the top")
}
