use std::fs;

use proptest::prelude::*;

use super::*;

fn spool() -> (tempfile::TempDir, Spool) {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(&dir.path().join("state")).unwrap();
    let spool = Spool::open(&state);
    (dir, spool)
}

fn ids(spool: &Spool) -> Vec<String> {
    spool.entries().unwrap().into_iter().map(|e| e.batch_id).collect()
}

#[test]
fn oldest_first_whatever_the_order_of_the_directory() {
    let (_dir, spool) = spool();
    for sequence in [1_000_000_000, 3, 1, 2] {
        spool.put(sequence, &format!("b{sequence}"), b"x").unwrap();
    }
    assert_eq!(ids(&spool), ["b1", "b2", "b3", "b1000000000"]);
}

#[test]
fn the_halves_of_a_split_keep_the_place_of_the_whole() {
    let (_dir, spool) = spool();
    for (sequence, id) in [(2, "b.2"), (3, "c"), (2, "b.1"), (1, "a")] {
        spool.put(sequence, id, b"x").unwrap();
    }
    assert_eq!(ids(&spool), ["a", "b.1", "b.2", "c"]);
}

#[test]
fn only_whole_files_with_names_of_ours_count() {
    let (_dir, spool) = spool();
    let entry = spool.put(7, "b7", b"x").unwrap();
    let folder = entry.path.parent().unwrap();
    for alien in
        [".000000008-b8.json.gz.new", "README", "000000009-.json.gz", "x-b.json.gz", "1-../b.json.gz.tmp"]
    {
        if !alien.contains('/') {
            fs::write(folder.join(alien), "y").unwrap();
        }
    }
    std::os::unix::fs::symlink("/etc/passwd", folder.join("000000001-link.json.gz")).unwrap();
    assert_eq!(ids(&spool), ["b7"]);
    spool.remove(&entry).unwrap();
    assert!(ids(&spool).is_empty());
}

#[test]
fn looking_for_surplus_clears_what_a_killed_run_left_half_written_and_nothing_of_others() {
    let (_dir, spool) = spool();
    let entry = spool.put(7, "b7", b"x").unwrap();
    let folder = entry.path.parent().unwrap();
    for name in [".000000008-b8.json.gz.new", ".notes.new", ".000000009-b9.json.gz", "README.new"] {
        fs::write(folder.join(name), "y").unwrap();
    }
    assert!(spool.surplus(u64::MAX, Duration::MAX).unwrap().is_empty());
    let mut left: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [".000000009-b9.json.gz", ".notes.new", "000000007-b7.json.gz", "README.new"]);
}

#[test]
fn the_oldest_are_surplus() {
    let (_dir, spool) = spool();
    for sequence in 1..=5 {
        spool.put(sequence, &format!("b{sequence}"), &[0; 100]).unwrap();
    }
    let gone = spool.surplus(250, Duration::from_secs(3600)).unwrap();
    gone.iter().for_each(|entry| spool.remove(entry).unwrap());
    assert_eq!(gone.iter().map(|e| e.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(ids(&spool), ["b4", "b5"]);
    let old = SystemTime::now() - Duration::from_secs(7200);
    fs::File::options()
        .write(true)
        .open(&spool.entries().unwrap()[0].path)
        .unwrap()
        .set_modified(old)
        .unwrap();
    let gone = spool.surplus(u64::MAX, Duration::from_secs(3600)).unwrap();
    assert_eq!(gone.iter().map(|e| e.sequence).collect::<Vec<_>>(), [4]);
}

proptest! {
    #[test]
    fn any_name_is_ours_or_left_alone(name in ".*") {
        if let Some((sequence, id)) = parse_name(&name) {
            let ending = format!("-{id}.json.gz");
            prop_assert!(name.ends_with(&ending));
            prop_assert!(name.trim_start_matches('0').starts_with(&sequence.to_string()) || sequence == 0);
            prop_assert!(!id.contains('/'));
        }
    }
}

#[test]
fn what_is_dropped_is_counted_before_any_of_it_goes() {
    let (dir, spool) = spool();
    let path = dir.path().join("state/ledger.json");
    let entries: Vec<Entry> = (1..=3).map(|n| spool.put(n, &format!("b{n}"), b"xyz").unwrap()).collect();
    // In the way of the ledger's writing: nothing can be counted, so nothing goes.
    let in_the_way = path.with_file_name(".ledger.json.new");
    fs::create_dir(&in_the_way).unwrap();
    let mut ledger = Ledger::default();
    assert!(spool.drop_counted(&entries, &mut ledger).is_err());
    assert_eq!((ids(&spool).len(), &ledger), (3, &Ledger::default()));
    fs::remove_dir(&in_the_way).unwrap();
    // In the way of the second one's removal: what was to go after it is counted all the same.
    fs::remove_file(&entries[1].path).unwrap();
    fs::create_dir(&entries[1].path).unwrap();
    assert!(spool.drop_counted(&entries, &mut ledger).is_err());
    assert_eq!(ids(&spool), ["b3"]);
    let (kept, _) = ledger::read(&path, 0).unwrap();
    assert_eq!((kept.dropped.batches, kept.dropped.bytes), (3, 9));
    assert!(spool.drop_counted(&spool.entries().unwrap(), &mut ledger).is_ok());
    assert_eq!((ids(&spool).len(), ledger.dropped.batches), (0, 3), "nothing is counted twice");
}
