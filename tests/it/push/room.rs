//! Room on disk: the bounds of the spool and of `reject/`, and a disk that has none left.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use pganalytics::spool::Spool;
use rustix::process::geteuid;

use super::desk::*;
use crate::support::home::{Home, Run};
use crate::support::poll::LONG;
use crate::support::stub::Answer;

#[test]
fn the_oldest_go_when_the_spool_is_full_and_the_next_batch_says_how_many() {
    let backend = Backend::start(Answer::reply(404, ""));
    let home = home_with(&backend.stub.url(), "[spool]\nmax_bytes = 100000");
    let spool = Spool::open(&state(&home));
    for sequence in 1..=3 {
        spool.put(sequence, &format!("old-{sequence}"), &[0; 40_000]).unwrap();
    }
    assert_eq!(home.cron().code, Some(1));
    let left: Vec<u64> = entries(&home).iter().map(|e| e.sequence).collect();
    assert_eq!(left, [2, 3, 4]);
    assert!(home.log().contains("Spool buffer: 1 oldest batches dropped"), "{}", home.log());
    assert_eq!(read_ledger(&home).lost_sequences, [1], "marks of its texts are void");
    backend.answers(by_batch(|r| r.json.as_ref().map_or(Answer::reply(400, OWN), |_| Answer::Accept)));
    assert_eq!(home.cron().code, Some(1), "two of them were no batches");
    let arrived = backend.accepted();
    assert_in_order(&arrived);
    assert_eq!(arrived.iter().map(|a| a.sequence).collect::<Vec<_>>(), [4, 5]);
    let told = arrived[1].agent();
    assert_eq!((told["batches_dropped"].as_u64(), told["bytes_dropped"].as_u64()), (Some(1), Some(40_000)));
    assert_eq!(rejects(&home).len(), 2);
}

const OWN: &str = r#"{"code":"invalid_batch","message":"no JSON"}"#;

#[test]
fn what_is_rejected_has_bounds_too_and_what_goes_is_counted() {
    let backend = Backend::start(by_batch(|request| match &request.json {
        Some(_) => Answer::Accept,
        None => Answer::reply(422, OWN),
    }));
    let home = home_with(&backend.stub.url(), "[spool]\nreject_max_bytes = 50000");
    for sequence in 1..=4 {
        Spool::open(&state(&home)).put(sequence, &format!("bad-{sequence}"), &[0; 20_000]).unwrap();
    }
    assert_eq!(home.cron().code, Some(1));
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    assert_eq!(rejects(&home).iter().map(|e| e.sequence).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    let told = backend.accepted()[2].agent();
    assert_eq!((told["batches_dropped"].as_u64(), told["bytes_dropped"].as_u64()), (Some(2), Some(40_000)));
}

#[test]
fn a_full_disk_does_not_keep_a_batch_from_its_backend() {
    let backend = Backend::start(Answer::reply(404, ""));
    let home = home_for(&backend.stub.url());
    assert_eq!(home.cron().code, Some(1));
    backend.answers(Answer::Accept);
    let run = without_room(&home);
    assert_eq!(run.code, Some(1), "{}", home.log());
    assert!(run.stderr.contains("it was delivered all the same"), "{}", run.stderr);
    let log = home.log();
    assert!(log.contains("Metrics pushed successfully") && log.contains("free or repair that disk"), "{log}");
    let arrived = backend.accepted();
    assert_in_order(&arrived);
    assert_eq!(arrived.last().unwrap().sequence, 2);
    assert_eq!(read_ledger(&home).lost_sequences, [0; 0]);
    let run = home.cron();
    assert_eq!(run.code, Some(0), "{}", home.log());
    assert!(run.stderr.contains("over after"), "{}", run.stderr);
}

#[test]
fn a_batch_that_neither_disk_nor_backend_takes_is_counted_as_lost() {
    let backend = Backend::start(Answer::reply(404, ""));
    let home = home_for(&backend.stub.url());
    change_ledger_of_new(&home);
    let run = without_room(&home);
    assert_eq!(run.code, Some(1), "{}", home.log());
    assert!(run.stderr.contains("it is lost"), "{}", run.stderr);
    let ledger = read_ledger(&home);
    assert_eq!(
        (ledger.dropped.batches, ledger.lost_sequences),
        (3, vec![1]),
        "what it would have told is kept"
    );
    backend.answers(Answer::Accept);
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    assert_eq!(backend.accepted()[0].agent()["batches_dropped"], 3);
}

/// Two were dropped before, and no batch has said so yet.
fn change_ledger_of_new(home: &Home) {
    let mut ledger = pganalytics::state::ledger::Ledger::default();
    ledger.dropped.batches = 2;
    ledger.write(&home.state_dir().join("ledger.json")).unwrap();
}

/// A run whose spool cannot take anything. Root, whom permissions do not stop, gets a file system without room, in a
/// mount namespace that ends with the run; what waited before lies there too.
fn without_room(home: &Home) -> Run {
    let spool = home.state_dir().join("spool");
    fs::create_dir_all(&spool).unwrap();
    let run = match geteuid().is_root() {
        true => in_full_tmpfs(home, &spool),
        false => {
            fs::set_permissions(&spool, Permissions::from_mode(0o500)).unwrap();
            let run = home.cron();
            fs::set_permissions(&spool, Permissions::from_mode(0o700)).unwrap();
            run
        }
    };
    assert!(run.code.is_some(), "{run:?}");
    run
}

fn in_full_tmpfs(home: &Home, spool: &Path) -> Run {
    const FILL: &str = "set -e; cp -a \"$1\" \"$1.kept\"; mount -t tmpfs -o size=64k pga-test \"$1\"; \
        cp -a \"$1.kept/.\" \"$1\"; rm -r \"$1.kept\"; cat /dev/zero >\"$1/filler\" 2>/dev/null || true; shift; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", FILL, "sh"]).arg(spool);
    command.arg(env!("CARGO_BIN_EXE_pganalytics")).arg("--config").arg(home.config_path()).arg("cron");
    home.spawn_command(command).wait(LONG)
}
