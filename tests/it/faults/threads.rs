use std::os::unix::fs::chown;
use std::process::Command;

use rustix::process::geteuid;

use crate::cycle::item::watching;
use crate::support::cluster::shared;
use crate::support::home::{Home, Run};
use crate::support::poll::LONG;
use crate::support::{majors, program};

/// Nobody else's: the kernel counts threads by user.
const OTHER: u32 = 54_322;

/// Ever fewer threads for the user: the batch is sealed as long as there is one to listen for signals, and a second.
#[test]
fn a_host_that_grants_few_threads_costs_what_needed_them() {
    if !geteuid().is_root() {
        return; // Only root can become somebody who has no other process.
    }
    let home = watching(shared(majors()[0]), "postgres", "");
    for path in [home.state_dir().parent().unwrap(), &home.state_dir(), &home.target_dir()] {
        chown(path, Some(OTHER), Some(OTHER)).unwrap();
    }
    chown(home.config_path(), Some(OTHER), Some(OTHER)).unwrap();
    let mut told = String::new();
    for threads in (1..=16).rev() {
        let (before, run) = (sealed(&home), granted(&home, threads));
        let said = format!("{threads}: {run:?}\n{}", home.log());
        assert_eq!(run.signal, None, "{said}");
        // Or there is not even one to work with.
        let none = threads < 4 && said.lines().rev().take(2).any(|l| l.contains("this host grants no more"));
        assert_eq!(sealed(&home), before + usize::from(!none), "{said}");
        // The batch names what is missing, or waits for the thread that pushes it.
        let fewer = run.stderr.contains("thread") || home.log().contains("thread");
        assert!(run.code == Some(0) || matches!(run.code, Some(1 | 3)) && fewer, "{said}");
        told += &run.stderr;
    }
    for missing in ["to read it with", "to look at the server with", "os error 11"] {
        assert!(told.contains(missing), "{missing} is not in {told}");
    }
}

fn sealed(home: &Home) -> usize {
    home.batches().len() + home.spool_files().len()
}

fn granted(home: &Home, threads: u32) -> Run {
    let mut command = Command::new("prlimit");
    command.arg(format!("--nproc={threads}")).args(["setpriv", "--clear-groups"]);
    command.arg(format!("--reuid={OTHER}")).arg(format!("--regid={OTHER}"));
    command.arg(program("pganalytics")).arg("--config").arg(home.config_path()).args(["cron", "--force"]);
    home.spawn_command(command).wait(LONG)
}
