use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

#[test]
fn a_write_replaces_and_leaves_nothing_beside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.json");
    write_atomic(&path, b"one", 0o600, Durability::Synced).unwrap();
    write_atomic(&path, b"two", 0o600, Durability::Renamed).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_planted_link_is_replaced_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let victim = dir.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    for planted in ["ledger.json", ".ledger.json.new"] {
        symlink(&victim, dir.path().join(planted)).unwrap();
    }
    write_atomic(&dir.path().join("ledger.json"), b"new", 0o600, Durability::Renamed).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(fs::read(dir.path().join("ledger.json")).unwrap(), b"new");
}

#[test]
fn a_failed_write_keeps_the_old_content_and_no_rest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("taken");
    fs::create_dir(&path).unwrap();
    assert!(write_atomic(&path, b"x", 0o600, Durability::Renamed).is_err());
    assert!(path.is_dir());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn the_second_to_lock_hears_who_was_first() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(&dir.path().join("state")).unwrap();
    let Locked::Mine(first) = state.lock().unwrap() else { panic!("nobody else is there") };
    match state.lock().unwrap() {
        Locked::Busy(who) => assert!(who.starts_with(&format!("pid {}", std::process::id())), "{who}"),
        Locked::Mine(_) => panic!("locked twice"),
    }
    drop(first);
    assert!(matches!(state.lock().unwrap(), Locked::Mine(_)));
    assert_eq!(fs::metadata(state.root()).unwrap().permissions().mode() & 0o777, 0o700);
}

/// As on a disk that was full when the first began, and is not when the second does.
#[test]
fn a_lock_without_its_file_keeps_the_next_away_from_both() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(&dir.path().join("state")).unwrap();
    let path = state.root().join("lock");
    fs::create_dir(&path).unwrap();
    let Locked::Mine(first) = state.lock().unwrap() else { panic!("nobody else is there") };
    assert!(matches!(state.lock().unwrap(), Locked::Busy(_)));
    fs::remove_dir(&path).unwrap();
    assert!(matches!(state.lock().unwrap(), Locked::Busy(_)), "locked twice");
    drop(first);
    let Locked::Mine(_second) = state.lock().unwrap() else { panic!("nobody else is there") };
    fs::remove_file(&path).unwrap();
    assert!(matches!(state.lock().unwrap(), Locked::Busy(_)), "a file that was removed frees nobody");
}

/// Whoever holds the file alone is an earlier release.
#[test]
fn a_lock_on_the_file_alone_counts() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(&dir.path().join("state")).unwrap();
    fs::write(state.root().join("lock"), "pid 1 since then").unwrap();
    let file = File::open(state.root().join("lock")).unwrap();
    file.lock().unwrap();
    let Locked::Busy(who) = state.lock().unwrap() else { panic!("locked twice") };
    assert_eq!(who, "pid 1 since then");
    drop(file);
    assert!(matches!(state.lock().unwrap(), Locked::Mine(_)));
}
