//! The target `file://` and midnight: what a run left in yesterday's file when it was killed.

use std::fs;
use std::io::Write;
use std::process::Command;

use super::desk::entries;
use crate::cycle::item::watching;
use crate::support::cluster::shared;
use crate::support::home::{Home, Run};
use crate::support::majors;
use crate::support::poll::LONG;

/// Yesterday, and killed as it syncs the line that it has written: the ledger knows nothing of it, and the batch waits.
fn killed_yesterday(home: &Home) -> Run {
    let mut command = Command::new("faketime");
    command.args(["-f", "-1d", "strace", "-f", "-q", "-y", "-o", "killed", "-e", "trace=fdatasync"]);
    command.args(["-e", "inject=fdatasync:error=EIO:signal=KILL"]);
    command.arg(env!("CARGO_BIN_EXE_pganalytics")).arg("--config").arg(home.config_path()).arg("cron");
    home.spawn_command(command).wait(LONG)
}

#[test]
fn what_a_killed_run_wrote_before_midnight_is_neither_repeated_nor_left_torn() {
    let home = watching(shared(majors()[0]), "postgres", "");
    let run = killed_yesterday(&home);
    let killed = fs::read_to_string(home.config_path().with_file_name("killed")).unwrap();
    assert!(killed.contains(".jsonl>") && killed.contains("killed by SIGKILL"), "{run:?}: {killed}");
    let (written, waiting) = (home.batches(), entries(&home));
    assert_eq!((written.len(), waiting.len()), (1, 1));
    assert_eq!(written[0]["batch_id"], *waiting[0].batch_id);
    let yesterday = fs::read_dir(home.target_dir()).unwrap().next().unwrap().unwrap().path();
    let mut file = fs::File::options().append(true).open(&yesterday).unwrap();
    file.write_all(b"{\"batch_id\":\"torn").unwrap();

    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    let ids: Vec<String> = home.batches().iter().map(|batch| batch["batch_id"].to_string()).collect();
    assert_eq!((ids.len(), &ids[0]), (2, &written[0]["batch_id"].to_string()), "each once, and nothing torn");
    assert_ne!(ids[0], ids[1]);
    assert_eq!(fs::read_dir(home.target_dir()).unwrap().count(), 2, "a file for each day");
    assert_eq!(fs::read_to_string(&yesterday).unwrap().lines().count(), 1);
    assert!(entries(&home).is_empty());
}
