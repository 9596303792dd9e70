//! With somebody at a terminal: how far a long run is, and a short table at its end.

use std::net::SocketAddr;
use std::process::Command;

use crate::cycle::item::{config, watching};
use crate::support::cluster::shared;
use crate::support::home::Home;
use crate::support::majors;
use crate::support::poll::LONG;
use crate::support::proxy::{Mode, Proxy};

/// Runs the program on a pseudo-terminal; gives back its exit code and what it wrote there.
pub(crate) fn on_a_terminal(home: &Home, args: &str) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_pganalytics");
    let line = format!("{program} --config {} {args}", home.config_path().display());
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    let run = home.spawn_command(script).wait(LONG);
    (run.code, run.stdout)
}

#[test]
fn a_quick_run_ends_in_a_table() {
    let home = watching(shared(majors()[0]), "postgres", "");
    let (code, said) = on_a_terminal(&home, "cron");
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains(" parts, "), "nobody waited: {said:?}");
    let lines: Vec<Vec<&str>> = said.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["collector", "outcome", "parts", "rows", "ms"], "{said}");
    for name in ["agent", "disk_usage", "pg_stats", "sysstat"] {
        assert!(lines.iter().any(|l| l.first() == Some(&name)), "{name} is not in {said}");
    }
    assert!(said.contains("1 batches delivered, 0 waiting"), "{said}");
    assert!(said.lines().count() < 20);
}

#[test]
fn a_long_run_shows_how_far_it_is() {
    let server = shared(majors()[0]);
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], server.port())));
    proxy.set(Mode::Delay { ms: 400 });
    let home = Home::new();
    config(&home, proxy.port(), "postgres", "");
    let (code, said) = on_a_terminal(&home, "cron");
    assert_eq!(code, Some(0), "{said}");
    let progress: Vec<&str> = said.split("\r\u{1b}[K").filter(|p| p.contains(" parts, ")).collect();
    assert!(progress.len() >= 2, "{said:?}");
    let figures = |text: &str| -> Vec<u32> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
    };
    for pair in progress.windows(2) {
        let (before, after) = (figures(pair[0]), figures(pair[1]));
        assert!(before[0] <= after[0] && after[0] <= after[1] && before[2] <= after[2], "{pair:?}");
    }
    let table = said.rsplit("\r\u{1b}[K").next().unwrap();
    assert!(table.trim_start().starts_with("collector"), "the line is gone when the table comes: {said:?}");

    let quiet = home.cron();
    assert_eq!(quiet.stderr, "", "cron sees none of it");
}
