//! Tells the program which commit it was built from. Without git it says so.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=.git/HEAD");
    println!("cargo::rerun-if-changed=.git/refs/heads");
    let commit = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok();
    let commit = commit.filter(|o| o.status.success()).and_then(|o| String::from_utf8(o.stdout).ok());
    println!("cargo::rustc-env=PGANALYTICS_COMMIT={}", commit.as_deref().map_or("unknown", str::trim));
    println!("cargo::rustc-env=PGANALYTICS_TARGET={}", std::env::var("TARGET").unwrap_or_default());
}
