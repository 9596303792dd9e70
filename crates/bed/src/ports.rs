//! TCP ports that stay ours while a server on them is down: below the ephemeral range, and leased across all test
//! processes by an abstract unix socket of that name, which the kernel frees when its holder ends.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST: u32 = 27_000;
const COUNT: u32 = 5_000;

pub struct Port {
    pub number: u16,
    _lease: UnixListener,
}

pub fn lease() -> Port {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(37);
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let number = (FIRST + start.wrapping_add(step) % COUNT) as u16;
        if let Some(port) = try_lease(number) {
            return port;
        }
    }
    panic!("no free port from {FIRST} to {}", FIRST + COUNT);
}

pub fn try_lease(number: u16) -> Option<Port> {
    let name = SocketAddr::from_abstract_name(format!("pga-it-port-{number}")).unwrap();
    let lease = UnixListener::bind_addr(&name).ok()?;
    TcpListener::bind(("127.0.0.1", number)).ok()?;
    Some(Port { number, _lease: lease })
}
