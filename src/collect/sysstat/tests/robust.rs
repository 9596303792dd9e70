//! The machine that the tests run on, and files that no kernel ever wrote.

use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::fuzz::FILES;
use super::*;

#[test]
fn the_machine_that_this_runs_on() {
    let now_ms = || jiff::Timestamp::now().as_millisecond();
    let (first, before) = read(Path::new("/"), now_ms(), None);
    let ceiling = Instant::now() + Duration::from_secs(30);
    let mut spun = 0u64;
    let parts = loop {
        let until = Instant::now() + Duration::from_millis(300);
        while Instant::now() < until {
            spun = std::hint::black_box(spun.wrapping_mul(31).wrapping_add(7));
        }
        let (parts, _) = read(Path::new("/"), now_ms(), before.as_ref());
        if value(&parts, "cpu")["user"].as_f64() > Some(0.0) || Instant::now() > ceiling {
            break parts;
        }
    };
    let cpu = value(&parts, "cpu");
    assert!(cpu["user"].as_f64() > Some(0.0), "{cpu}");
    let sum: f64 = SHARES.iter().filter_map(|share| cpu[share].as_f64()).sum();
    assert!((sum - 100.0).abs() < 0.1, "{cpu}");
    let meminfo = std::fs::read_to_string("/proc/meminfo").expect("meminfo");
    let first_line = meminfo.lines().next().expect("a line");
    let kb: f64 = first_line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).expect("a number");
    let total_mb = value(&first, "memory")["total_mb"].as_f64().expect("a number");
    assert!((total_mb - kb / 1024.0).abs() <= 0.005, "{total_mb} of {first_line}");
    let cores = std::thread::available_parallelism().expect("processors").get() as u64;
    assert!(value(&parts, "host")["cores"].as_u64() >= Some(cores));
}

/// Every file of a tree replaced by what `content` makes of it; both runs must come back with all parts.
fn survives(content: impl Fn(Vec<u8>) -> Vec<u8>) {
    let root = tempfile::tempdir().expect("a directory");
    for file in FILES {
        let path = root.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, content(std::fs::read(tree("modern").join(file)).expect("a fixture")))
            .expect("a file");
    }
    let (_, before) = read(&tree("modern"), AT_MS, None);
    let (parts, counters) = read(root.path(), LATER_MS, before.as_ref());
    assert_eq!(parts.len(), 6);
    let (parts, _) = read(&tree("modern-later"), LATER_MS + 1, counters.as_ref());
    assert_eq!(parts.len(), 6);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        survives(|_| bytes.clone());
    }

    #[test]
    fn torn_and_altered_files_never_panic(
        cut in 0usize..2000,
        at in 0usize..2000,
        put in "[0-9:= \t\n.\u{e9}-]{0,24}|18446744073709551615|NaN|cpu |some |8 0 sda ",
    ) {
        survives(|mut bytes| {
            bytes.truncate(cut);
            let at = at.min(bytes.len());
            bytes.splice(at..at, put.bytes());
            bytes
        });
    }

    #[test]
    fn parsers_take_any_text(text in "([a-z0-9:./=%-]{0,9}[ \t]{0,2}|\n|\\PC){0,80}") {
        cpu::parse(&text);
        memory::parse(&text);
        network::parse(&text);
        disk_io::parse(&text);
        pressure::parse(&text);
    }
}
