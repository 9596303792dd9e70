use std::fs;

use crate::cycle::item::watching;
use crate::support::cluster::shared;
use crate::support::home::Home;
use crate::support::majors;

/// A home whose target is closed, with so many batches that wait.
fn waiting(batches: usize) -> Home {
    let home = watching(shared(majors()[0]), "postgres", "");
    fs::remove_dir(home.target_dir()).unwrap();
    fs::write(home.target_dir(), "a file where the directory should be").unwrap();
    for _ in 0..batches {
        assert_eq!(home.cron().code, Some(1), "a batch that waits is 1");
    }
    assert_eq!(home.spool_files().len(), batches);
    home
}

#[test]
fn what_waits_is_listed_and_flushed_in_order() {
    let home = waiting(3);
    let list = home.run(&["spool", "list"]);
    assert_eq!((list.code, list.stderr.as_str()), (Some(0), ""));
    let lines: Vec<Vec<&str>> = list.stdout.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["batch", "sequence", "kB", "age", "s", "state"]);
    let rest: Vec<(&str, &str)> = lines[1..].iter().map(|l| (l[1], *l.last().unwrap())).collect();
    assert_eq!(rest, [("1", "waiting"), ("2", "waiting"), ("3", "waiting")]);

    let refused = home.run(&["spool", "flush"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stdout.starts_with("0 batches delivered") && refused.stderr.starts_with("stopped: "),
        "{refused:?}"
    );
    fs::remove_file(home.target_dir()).unwrap();
    let flushed = home.run(&["spool", "flush"]);
    assert_eq!((flushed.code, flushed.stderr.as_str()), (Some(0), ""));
    assert_eq!(flushed.stdout, "3 batches delivered, 0 rejected\n");
    let sequences: Vec<u64> = home.batches().iter().map(|b| b["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, [1, 2, 3]);
    assert!(home.spool_files().is_empty());
}

#[test]
fn what_is_dropped_is_counted_in_the_next_batch() {
    let home = waiting(3);
    let list = home.run(&["spool", "list"]).stdout;
    let second = list.lines().nth(2).unwrap().split_whitespace().next().unwrap().to_owned();
    let unknown = home.run(&["spool", "drop", &second, "0190-nobody"]);
    assert_eq!(unknown.code, Some(2), "one that is not there: nothing is dropped");
    assert_eq!(home.spool_files().len(), 3);
    let dropped = home.run(&["spool", "drop", &second]);
    assert_eq!((dropped.code, dropped.stdout.as_str()), (Some(0), "1 batches dropped\n"));
    assert_eq!(home.spool_files().len(), 2);
    assert_eq!(home.run(&["spool", "drop", "--all"]).stdout, "2 batches dropped\n");
    assert!(home.spool_files().is_empty());
    fs::remove_file(home.target_dir()).unwrap();
    assert_eq!(home.run(&["spool", "flush"]).code, Some(0));
    home.cron();
    let batch = home.batches().pop().unwrap();
    let agent = crate::cycle::item::item(&batch, "agent", None);
    assert_eq!(agent["batches_dropped"], 3);
    assert!(agent["bytes_dropped"].as_u64().unwrap() > 1000);
}

#[test]
fn a_look_makes_no_state_directory() {
    let home = watching(shared(majors()[0]), "postgres", "");
    fs::remove_dir(home.state_dir()).unwrap();
    let list = home.run(&["spool", "list"]);
    assert_eq!(list.code, Some(0), "{}", list.stderr);
    assert!(!home.state_dir().exists());
}
