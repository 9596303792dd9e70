use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::cluster::Cluster;
use crate::support::poll::{LONG, eventually};
use crate::support::{majors, warden};

/// Names the file in which the victim tells that it is ready, and where it works.
const VICTIM: &str = "PGA_IT_VICTIM";

#[test]
fn nothing_outlives_a_test_process_that_is_killed() {
    if let Some(told) = std::env::var_os(VICTIM) {
        be_the_victim(Path::new(&told));
    }
    let told = warden::fresh_dir("victim").join("told");
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "bed::warden::nothing_outlives_a_test_process_that_is_killed"])
        .env(VICTIM, &told)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let root = PathBuf::from(eventually(LONG, || fs::read_to_string(&told)));
    assert!(warden::working_in(&root).len() > 3, "a server works there");
    victim.kill().unwrap();
    victim.wait().unwrap();
    eventually(LONG, || gone(&root));
}

#[test]
fn what_a_killed_warden_left_is_cleared_later() {
    let mut short = Command::new("true").spawn().unwrap();
    short.wait().unwrap();
    let left = std::env::temp_dir().join(format!("pga-it-{}-left", short.id()));
    fs::create_dir_all(left.join("home")).unwrap();
    let mut stray = Command::new("sleep").arg("600").current_dir(left.join("home")).spawn().unwrap();
    warden::clear_stale();
    assert!(!stray.wait().unwrap().success());
    eventually(LONG, || gone(&left));
}

/// The hardest to end: a server whose postmaster and one backend are stopped.
fn be_the_victim(told: &Path) -> ! {
    let server = Cluster::start(majors()[0], &[]);
    let _session = server.conn("postgres");
    server.pause(server.backends("bed")[0]);
    server.pause(server.pid());
    let written: PathBuf = told.with_extension("new");
    fs::write(&written, warden::root().display().to_string()).unwrap();
    fs::rename(written, told).unwrap();
    // Not killed, it ends with the test that started it.
    let _ = std::io::stdin().read(&mut [0]);
    std::process::exit(1);
}

fn gone(dir: &Path) -> Result<(), Vec<i32>> {
    if dir.exists() { Err(warden::working_in(dir)) } else { Ok(()) }
}
