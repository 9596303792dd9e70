//! What tests stand on: real servers, a backend that misbehaves on request, a network that does, a home for one
//! collector. Nothing here knows what the collector does, and nothing outlives the test process (see `warden`).

pub(crate) mod bouncer;
pub(crate) mod cluster;
pub(crate) mod home;
pub(crate) mod poll;
pub(crate) mod ports;
pub(crate) mod postmaster;
pub(crate) mod proxy;
pub(crate) mod stub;
pub(crate) mod warden;

/// The PostgreSQL majors that this run tests: `PGA_TEST_MAJORS`, else a short list that spans what differs.
pub(crate) fn majors() -> Vec<u32> {
    let list = std::env::var("PGA_TEST_MAJORS").unwrap_or_else(|_| "13,15,18".into());
    list.split(',').map(|m| m.trim().parse().expect("PGA_TEST_MAJORS is a list such as 13,15,18")).collect()
}
