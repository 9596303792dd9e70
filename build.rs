//! Tells the program which commit it was built from. Without git it says so.

use std::process::Command;

fn main() {
    // The log of HEAD changes with every commit and checkout, and lies elsewhere in a linked worktree.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    println!("cargo::rustc-env=PGANALYTICS_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    println!("cargo::rustc-env=PGANALYTICS_TARGET={}", std::env::var("TARGET").unwrap_or_default());
}

fn git(arguments: &[&str]) -> Option<String> {
    let ran = Command::new("git").args(arguments).output().ok().filter(|o| o.status.success())?;
    String::from_utf8(ran.stdout).ok().map(|text| text.trim().to_owned())
}
