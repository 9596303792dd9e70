//! What tests stand on, from the crate that the backend's tests share.

pub(crate) use ::bed::{
    api, bouncer, chance, cluster, home, majors, poll, ports, postmaster, program, proxy, stub, top, warden,
};
