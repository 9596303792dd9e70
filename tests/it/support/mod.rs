//! What tests stand on, from the crate that the backend's tests share.

pub(crate) use ::bed::{api, bouncer, cluster, home, majors, poll, ports, postmaster, proxy, stub, warden};
