//! The one integration-test binary: the program as operators run it, on real servers and broken networks.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and may say what it saw"
)]

mod activity;
mod bed;
mod beds;
mod campaign;
mod cli;
mod custom;
mod cycle;
mod deploy;
mod docker;
mod docs;
mod doctor;
mod e2e;
mod faults;
mod hostile;
mod http;
mod logs;
mod matrix;
mod pooler;
mod privacy;
mod push;
mod register;
mod relations;
mod replication;
mod report;
mod server_views;
mod statements;
mod support;
mod tls;
