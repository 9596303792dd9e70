//! Programs beside each other: upgrade, rollback, what is kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::install::install;
use super::{Said, another, commit, run, script, stripped};
use crate::support::warden;

fn rollback(root: &Path, more: &[&str]) -> Said {
    script("scripts/rollback", &[&["--root", root.to_str().unwrap()], more].concat())
}

fn bin(root: &Path) -> PathBuf {
    root.join("opt/pganalytics/bin")
}

fn in_use(root: &Path) -> String {
    run(Command::new(bin(root).join("pganalytics")).arg("--version")).fine()
}

/// Names of the programs that are there.
fn kept(root: &Path) -> Vec<String> {
    let names = fs::read_dir(bin(root)).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter(|n| n.starts_with("pganalytics-") && n != "pganalytics-previous").collect();
    names.sort();
    names
}

#[test]
fn one_command_goes_back_and_the_same_goes_forth() {
    let root = warden::fresh_dir("back");
    install(&root, stripped(), &[]).fine();
    let refused = rollback(&root, &[]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("no other program before"), "{}", refused.err);
    let said = install(&root, &another("b"), &[]).fine();
    assert!(said.contains(&format!("before it was pganalytics-3.3.0-{}", commit())), "{said}");
    assert!(in_use(&root).contains("0000b,"), "{}", in_use(&root));
    let list = rollback(&root, &["--list"]).fine();
    assert!(
        list.contains("0000b (in use)\n") && list.contains(&format!("{} (before)\n", commit())),
        "{list}"
    );

    let said = rollback(&root, &[]).fine();
    assert!(said.starts_with(&format!("pganalytics 3.3.0 ({},", commit())), "{said}");
    assert!(in_use(&root).contains(&commit()));
    rollback(&root, &[]).fine();
    assert!(in_use(&root).contains("0000b,"));
    let named = format!("pganalytics-3.3.0-{}", commit());
    rollback(&root, &[&named]).fine();
    assert!(in_use(&root).contains(&commit()));
    for wrong in [named.as_str(), "pganalytics-9", "../../../etc/passwd", "diag"] {
        assert_eq!(rollback(&root, &[wrong]).code, Some(1), "{wrong}");
        assert!(in_use(&root).contains(&commit()));
    }
}

/// A program that does not run is not put in place, neither forth nor back.
#[test]
fn what_does_not_run_is_never_put_in_use() {
    let root = warden::fresh_dir("broken");
    install(&root, stripped(), &[]).fine();
    let broken = warden::fresh_dir("broken-bin");
    fs::write(broken.join("pganalytics"), "#!/bin/sh\nexit 1\n").unwrap();
    run(Command::new("chmod").arg("755").arg(broken.join("pganalytics"))).fine();
    assert_eq!(install(&root, &broken, &[]).code, Some(1));
    assert!(in_use(&root).contains(&commit()));
    fs::copy(broken.join("pganalytics"), bin(&root).join("pganalytics-3.2.0-old")).unwrap();
    assert_eq!(rollback(&root, &["pganalytics-3.2.0-old"]).code, Some(1));
    assert!(in_use(&root).contains(&commit()));
}

#[test]
fn the_newest_three_stay_with_the_one_in_use_and_the_one_before() {
    let root = warden::fresh_dir("pruned");
    install(&root, stripped(), &[]).fine();
    for name in ["1", "2", "3"] {
        install(&root, &another(name), &[]).fine();
    }
    let short =
        |names: Vec<String>| -> Vec<String> { names.iter().map(|n| n[n.len() - 1..].to_owned()).collect() };
    assert_eq!(short(kept(&root)), ["1", "2", "3"]);
    let oldest = kept(&root).remove(0);
    rollback(&root, &[&oldest]).fine();
    install(&root, &another("4"), &["--keep", "1"]).fine();
    assert_eq!(short(kept(&root)), ["1", "4"], "the one before is no longer among the newest, and stays");
}

/// As the guide of release 3.3 does it by hand, and as 3.2 was installed.
#[test]
fn a_program_that_came_otherwise_can_be_gone_back_to() {
    let root = warden::fresh_dir("adopted");
    fs::create_dir_all(bin(&root)).unwrap();
    let old = "#!/bin/sh\necho pganalytics 3.2.0\n";
    fs::write(bin(&root).join("pganalytics"), old).unwrap();
    run(Command::new("chmod").arg("755").arg(bin(&root).join("pganalytics"))).fine();
    let said = install(&root, stripped(), &[]).fine();
    assert!(said.contains("stays as pganalytics-3.2.0-found-"), "{said}");
    assert!(in_use(&root).contains(&commit()));
    rollback(&root, &[]).fine();
    assert_eq!(in_use(&root), "pganalytics 3.2.0\n");

    // The guide links by the whole path.
    fs::write(bin(&root).join("pganalytics-v3.3.0"), old).unwrap();
    run(Command::new("chmod").arg("755").arg(bin(&root).join("pganalytics-v3.3.0"))).fine();
    run(Command::new("ln")
        .arg("-sf")
        .arg(bin(&root).join("pganalytics-v3.3.0"))
        .arg(bin(&root).join("pganalytics")))
    .fine();
    install(&root, &another("c"), &[]).fine();
    assert!(in_use(&root).contains("0000c,"));
    rollback(&root, &[]).fine();
    assert_eq!(in_use(&root), "pganalytics 3.2.0\n");
    assert_eq!(fs::read_link(bin(&root).join("pganalytics")).unwrap(), Path::new("pganalytics-v3.3.0"));
}

/// Whoever starts the program meanwhile always finds one.
#[test]
fn at_no_moment_is_there_no_program() {
    let root = warden::fresh_dir("always");
    install(&root, stripped(), &[]).fine();
    install(&root, &another("a"), &[]).fine();
    let link = bin(&root).join("pganalytics");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|threads| {
        let watch = threads.spawn(|| {
            let (mut looks, mut missing) = (0, 0);
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                looks += 1;
                missing += u32::from(!link.exists());
            }
            (looks, missing)
        });
        let said: Vec<Said> = (0..10).map(|_| rollback(&root, &[])).collect();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        let (looks, missing) = watch.join().unwrap();
        assert!(said.iter().all(|said| said.code == Some(0)), "{said:?}");
        assert!(looks > 1000, "{looks}");
        assert_eq!(missing, 0, "of {looks}");
    });
}
