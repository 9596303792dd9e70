//! Which program this is.

pub const SHORT: &str = env!("CARGO_PKG_VERSION");

pub const LONG: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("PGANALYTICS_COMMIT"),
    ", ",
    env!("PGANALYTICS_TARGET"),
    ")"
);
