//! The whole way: a collector that registered itself, the backend, and the database that it stores into; all of them real,
//! and each of them killed or cut off in between. What was sent is compared with what is stored and read again.

mod arrives;
mod backup;
mod balanced;
mod configured;
mod cuts;
mod deployment;
mod hidden;
mod identity;
mod kills;
mod rotated;
mod scene;
mod size;
mod stored;
mod texts;

use crate::support::majors;

/// At once: each waits most of the time.
fn for_each_major(check: impl Fn(u32) + Sync) {
    std::thread::scope(|scope| {
        for major in majors() {
            let check = &check;
            scope.spawn(move || check(major));
        }
    });
}
