mod robust;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wire::Verdict;

use super::*;
use crate::collect::part::Fragment;

const AT_MS: i64 = 1_760_002_411_250;
const LATER_MS: i64 = AT_MS + 60_000;

fn tree(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/host").join(name)
}

fn part<'a>(parts: &'a [Done], key: &str) -> &'a Done {
    parts.iter().find(|part| part.key == key).expect("a part of that name")
}

fn value(parts: &[Done], key: &str) -> Value {
    match &part(parts, key).fragment {
        Fragment::Value(json) => serde_json::from_slice(json).expect("JSON"),
        other => panic!("{key} is {other:?}"),
    }
}

fn row(parts: &[Done], key: &str, name: &str) -> Value {
    let rows = value(parts, key);
    let rows = rows.as_array().expect("rows");
    let named = |row: &&Value| row["device"] == name || row["interface"] == name;
    rows.iter().find(named).unwrap_or_else(|| panic!("no {name} in {rows:?}")).clone()
}

fn check_standing(parts: &[Done], key: &str, verdict: Verdict, reason: Option<Reason>, detail: &str) {
    let outcome = &part(parts, key).outcome;
    assert_eq!((outcome.verdict, outcome.reason), (verdict, reason), "{key}: {outcome:?}");
    let told = outcome.detail.as_deref().unwrap_or_default();
    assert!(told.contains(detail), "{key}: {told:?} does not say {detail:?}");
}

/// The first run's counters, changed, then the second run.
fn later(change: impl FnOnce(&mut Counters)) -> Vec<Done> {
    let (_, counters) = read(&tree("modern"), AT_MS, None);
    let mut counters = counters.expect("counters");
    change(&mut counters);
    read(&tree("modern-later"), LATER_MS, Some(&counters)).0
}

const SHARES: [&str; 9] = ["user", "system", "idle", "iowait", "steal", "nice", "irq", "softirq", "guest"];

#[test]
fn figures_of_a_minute_are_those_calculated_by_hand() {
    let parts = later(|_| {});
    let cpu = value(&parts, "cpu");
    let expected = json!({
        "user": 35.0, "system": 10.0, "idle": 42.5, "iowait": 2.5, "steal": 1.0, "nice": 1.0, "irq": 0.5,
        "softirq": 1.5, "guest": 6.0, "interval_s": 60.0, "load_1m": 0.6, "load_5m": 1.04, "load_15m": 2.08,
        "user_s_total": 1044.0, "system_s_total": 524.0, "idle_s_total": 8102.0, "iowait_s_total": 86.0,
        "steal_s_total": 7.4, "nice_s_total": 12.4, "irq_s_total": 11.2, "softirq_s_total": 33.6,
        "guest_s_total": 64.4, "cores": 4, "processes_running": 3, "processes_blocked": 1,
        "context_switches_total": 5_060_000, "forks_total": 9120, "boot_time": "2025-10-09T08:53:20Z"
    });
    assert_eq!(cpu, expected);
    let nvme = row(&parts, "disk_io", "nvme0n1");
    let expected = json!({
        "device": "nvme0n1", "reads_total": 1600, "reads_merged_total": 10, "read_bytes_total": 65_536_000,
        "read_time_ms_total": 800, "writes_total": 5000, "writes_merged_total": 260,
        "write_bytes_total": 327_680_000, "write_time_ms_total": 10_000, "in_flight": 2,
        "io_time_ms_total": 9000, "weighted_time_ms_total": 11_100, "discards_total": 0,
        "flushes_total": 700, "flush_time_ms_total": 500, "reads_per_s": 10.0, "read_bytes_per_s": 409_600.0,
        "writes_per_s": 50.0, "write_bytes_per_s": 4_096_000.0, "busy_percent": 10.0, "queue_average": 0.11,
        "read_await_ms": 0.5, "write_await_ms": 2.0, "flushes_per_s": 10.0, "flush_await_ms": 0.5
    });
    assert_eq!(nvme, expected);
    let eth0 = row(&parts, "network", "eth0");
    let expected = json!({
        "interface": "eth0", "receive_bytes_total": 7_000_000, "receive_packets_total": 7000,
        "receive_errs_total": 0, "receive_drops_total": 11, "transmit_bytes_total": 1_100_000,
        "transmit_packets_total": 1400, "transmit_errs_total": 0, "transmit_drops_total": 0,
        "receive_bytes_per_s": 100_000.0, "receive_packets_per_s": 100.0, "receive_errs_per_s": 0.0,
        "receive_drops_per_s": 0.1, "transmit_bytes_per_s": 10_000.0, "transmit_packets_per_s": 10.0,
        "transmit_errs_per_s": 0.0, "transmit_drops_per_s": 0.0
    });
    assert_eq!(eth0, expected);
    for key in ["host", "cpu", "memory", "disk_io", "network", "pressure"] {
        check_standing(&parts, key, Verdict::Ok, None, "");
    }
}

#[test]
fn memory_host_and_pressure_of_a_modern_host() {
    let (parts, _) = read(&tree("modern"), AT_MS, None);
    let expected = json!({
        "total_mb": 32000.0, "free_mb": 4000.0, "available_mb": 20000.0, "cached_mb": 16000.0,
        "buffers_mb": 500.0, "shmem_mb": 8000.0, "dirty_mb": 10.0, "writeback_mb": 0.25,
        "page_tables_mb": 200.0, "committed_mb": 12000.0, "commit_limit_mb": 18048.0,
        "swap_total_mb": 2048.0, "swap_free_mb": 1953.13, "used_mb": 12000.0, "swap_used_mb": 94.87,
        "hugepages": {"total": 4200, "free": 100, "reserved": 20, "surplus": 0, "size_kb": 2048},
        "pgmajfault_total": 31337, "oom_kill_total": 1, "pswpin_total": 120, "pswpout_total": 4800
    });
    assert_eq!(value(&parts, "memory"), expected);
    let expected = json!({
        "kernel": "6.8.0-45-generic", "uptime_s": 2411.25, "boot_time": "2025-10-09T08:53:20Z", "cores": 4
    });
    assert_eq!(value(&parts, "host"), expected);
    let pressure = value(&parts, "pressure");
    assert_eq!(
        pressure["io"]["full"],
        json!({"avg10": 2.1, "avg60": 0.12, "avg300": 0.0, "total_us": 291926})
    );
    assert_eq!(pressure["cpu"]["some"]["avg60"], json!(2.25));
    assert_eq!(part(&parts, "pressure").outcome.rows, 3);
}

#[test]
fn whole_devices_are_listed_and_the_rest_is_not() {
    let (parts, counters) = read(&tree("modern"), AT_MS, None);
    let rows = value(&parts, "disk_io");
    let devices: Vec<_> = rows.as_array().expect("rows").iter().map(|row| row["device"].clone()).collect();
    assert_eq!(devices, ["nvme0n1", "sda", "sdb", "md127", "dm-0", "dm-1"]);
    assert_eq!(row(&parts, "disk_io", "dm-0")["name"], "vg0-pgdata");
    assert_eq!(part(&parts, "disk_io").outcome.total, Some(6));
    // An older kernel's line is shorter: what it does not count is absent.
    assert_eq!(row(&parts, "disk_io", "sda").get("flushes_total"), None);
    assert_eq!(counters.expect("counters").disks.len(), 6);
    let check = |text: &str, expected: &[&str]| {
        let (disks, unreadable) = disk_io::parse(text);
        let names: Vec<&str> = disks.iter().map(|disk| disk.name.as_str()).collect();
        assert_eq!((names.as_slice(), unreadable), (expected, 0), "{text}");
    };
    let lines = |names: &[&str]| -> String {
        names.iter().map(|name| format!("8 0 {name} 1 2 3 4 5 6 7 8 9 10 11\n")).collect()
    };
    check(&lines(&["xvda1", "xvdb", "xvdb1"]), &["xvda1", "xvdb"]);
    check(&lines(&["md1", "md12", "md1p2", "dm-1", "dm-11"]), &["md1", "md12", "dm-1", "dm-11"]);
    check(&lines(&["mmcblk0", "mmcblk0p1", "mmcblk0boot0", "fd0", "ram15"]), &["mmcblk0", "mmcblk0boot0"]);
    check(
        &lines(&["nbd0", "nbd0p1", "rbd7", "rbd7p10", "sda", "sdaa", "sdaa3"]),
        &["nbd0", "rbd7", "sda", "sdaa"],
    );
}

#[test]
fn without_a_run_to_compare_with_there_are_no_rates() {
    let check = |parts: Vec<Done>, detail: &str| {
        for key in ["cpu", "disk_io", "network"] {
            check_standing(&parts, key, Verdict::Partial, Some(Reason::FirstRun), detail);
        }
        let cpu = value(&parts, "cpu");
        for share in SHARES.iter().chain(&["interval_s"]) {
            assert_eq!(cpu.get(share), None, "{share}");
        }
        assert_eq!(cpu["load_5m"], json!(1.04));
        assert!(cpu["user_s_total"].as_f64().expect("a number") > 0.0);
        let rates = ["reads_per_s", "busy_percent", "write_await_ms", "flushes_per_s"];
        rates.iter().for_each(|rate| assert_eq!(row(&parts, "disk_io", "nvme0n1").get(rate), None));
        assert_eq!(row(&parts, "network", "eth0").get("receive_bytes_per_s"), None);
        check_standing(&parts, "memory", Verdict::Ok, None, "");
    };
    check(read(&tree("modern"), AT_MS, None).0, "no previous run");
    check(later(|before| before.boot_id = "another".into()), "restarted");
    check(later(|before| before.taken_at_ms = LATER_MS), "clock went back");
    check(later(|before| before.taken_at_ms = LATER_MS + 3_600_000), "clock went back");
    check(later(|before| before.uptime_s = Some(2471.25)), "no time went by");
    check(
        later(|before| {
            before.cpu.as_mut().expect("ticks")[0] += 10_000_000;
            before.disks.values_mut().for_each(|disk| disk.reads = u64::MAX);
            before.interfaces.values_mut().for_each(|traffic| traffic[4] = u64::MAX);
        }),
        "went down",
    );
}

#[test]
fn counters_that_went_down_cost_their_own_row() {
    let parts = later(|before| {
        before.disks.get_mut("sda").expect("sda").writes = 1_000_000;
        before.interfaces.remove("docker0");
    });
    assert_eq!(row(&parts, "disk_io", "sda").get("reads_per_s"), None);
    assert_eq!(row(&parts, "disk_io", "sdb")["reads_per_s"], json!(0.0));
    assert_eq!(row(&parts, "disk_io", "sdb").get("read_await_ms"), None, "of no reads there is no duration");
    assert_eq!(row(&parts, "network", "docker0").get("receive_bytes_per_s"), None);
    check_standing(&parts, "disk_io", Verdict::Ok, None, "");
    check_standing(&parts, "network", Verdict::Ok, None, "");
}

#[test]
fn a_wrap_of_32_bit_milliseconds_is_no_reset() {
    let wrap = 1u64 << 32;
    let parts = later(|before| {
        let nvme = before.disks.get_mut("nvme0n1").expect("nvme0n1");
        nvme.io_ms = wrap - 21_000;
        nvme.read_ms = wrap - 400;
    });
    let nvme = row(&parts, "disk_io", "nvme0n1");
    assert_eq!(nvme["busy_percent"], json!(50.0));
    assert_eq!(nvme["read_await_ms"], json!(2.0));
    let check =
        |before, now, expected| assert_eq!(counters::grown_ms(before, now), expected, "{before} {now}");
    check(5, 7, Some(2));
    check(wrap - 1, 1, Some(2));
    check(7, 5, None);
    check(u64::MAX, 5, None);
    check(u64::MAX, u64::MAX, Some(0));
}

#[test]
fn the_clock_forward_does_not_dilute_rates() {
    let (_, counters) = read(&tree("modern"), AT_MS, None);
    let (parts, _) = read(&tree("modern-later"), LATER_MS + 3_600_000, counters.as_ref());
    assert_eq!(value(&parts, "cpu")["interval_s"], json!(60.0));
    assert_eq!(row(&parts, "disk_io", "nvme0n1")["reads_per_s"], json!(10.0));
    let by_the_clock = later(|before| before.uptime_s = None);
    assert_eq!(value(&by_the_clock, "cpu")["interval_s"], json!(60.0));
}

#[test]
fn shares_add_up_to_a_hundred() {
    let sum = |parts: &[Done]| -> f64 {
        let cpu = value(parts, "cpu");
        SHARES.iter().filter_map(|share| cpu[share].as_f64()).sum()
    };
    let check = |before: &[u64]| {
        let parts = later(|counters| counters.cpu = Some(before.to_vec()));
        assert!((sum(&parts) - 100.0).abs() < 0.1, "{before:?}: {}", sum(&parts));
    };
    check(&[0; 10]);
    check(&[100_003, 2_001, 50_007, 800_011, 8_013, 1_017, 3_019, 523, 4_029, 1_031]);
    check(&[109_599, 2_480, 52_400, 810_200, 8_600, 1_120, 3_360, 740, 5_200, 1_240]);
    // Idle and I/O wait are known to step back a little; guests may be counted before the user time they are in.
    check(&[109_000, 2_480, 52_400, 810_201, 8_700, 1_120, 3_360, 740, 5_200, 1_240]);
    check(&[109_000, 2_480, 52_000, 810_000, 8_600, 1_120, 3_360, 740, 4_000, 1_240]);
}

#[test]
fn a_small_machine_of_an_older_kernel() {
    let (parts, counters) = read(&tree("small-vm"), AT_MS, None);
    let pressure = value(&parts, "pressure");
    assert_eq!(pressure["cpu"].get("full"), None);
    assert_eq!(pressure["cpu"]["some"]["total_us"], json!(9_209_020));
    check_standing(&parts, "pressure", Verdict::Ok, None, "");
    let memory = value(&parts, "memory");
    assert_eq!((&memory["used_mb"], memory.get("hugepages")), (&json!(495.59), None));
    assert_eq!(part(&parts, "disk_io").outcome.rows, 1);
    assert_eq!(counters.expect("counters").cpu, Some(vec![5000, 100, 2000, 90000, 300, 0, 50, 10, 0, 0]));
}

#[test]
fn a_container_lacks_files_and_says_so() {
    let (parts, counters) = read(&tree("container"), AT_MS, None);
    check_standing(&parts, "pressure", Verdict::Skipped, Some(Reason::NotApplicable), "/proc/pressure/cpu");
    check_standing(&parts, "disk_io", Verdict::Skipped, Some(Reason::NotApplicable), "/proc/diskstats");
    check_standing(&parts, "memory", Verdict::Partial, Some(Reason::NotApplicable), "/proc/vmstat");
    assert_eq!(part(&parts, "disk_io").fragment, Fragment::Nothing);
    assert_eq!(value(&parts, "memory").get("oom_kill_total"), None);
    assert_eq!(counters.expect("counters").boot_id, "booted at 1759980000");
}

#[test]
fn an_empty_root_is_no_host() {
    let root = tempfile::tempdir().expect("a directory");
    let (parts, counters) = read(root.path(), AT_MS, None);
    assert_eq!(counters, None);
    check_standing(&parts, "host", Verdict::Failed, Some(Reason::Other), "/proc");
    check_standing(&parts, "cpu", Verdict::Failed, Some(Reason::Other), "/proc/stat");
    check_standing(&parts, "memory", Verdict::Failed, Some(Reason::Other), "/proc/meminfo");
    check_standing(&parts, "network", Verdict::Skipped, Some(Reason::NotApplicable), "/proc/net/dev");
    assert!(parts.iter().all(|part| part.fragment == Fragment::Nothing));
}

#[test]
fn a_file_that_is_there_and_unreadable_is_a_failure() {
    let root = tempfile::tempdir().expect("a directory");
    std::fs::create_dir_all(root.path().join("proc/net/dev")).expect("a directory in place of a file");
    std::fs::create_dir_all(root.path().join("proc/pressure/io")).expect("a directory in place of a file");
    let (parts, _) = read(root.path(), AT_MS, None);
    check_standing(&parts, "network", Verdict::Failed, Some(Reason::Other), "directory");
    check_standing(&parts, "pressure", Verdict::Failed, Some(Reason::Other), "/proc/pressure/io");
}

#[test]
fn odd_content_costs_what_is_odd() {
    let (parts, counters) = read(&tree("odd"), AT_MS, None);
    assert_eq!(counters, None, "neither boot id nor boot time");
    let cpu = value(&parts, "cpu");
    assert_eq!((cpu["cores"].as_u64(), cpu["load_15m"].as_f64()), (Some(1), Some(0.1)));
    for absent in
        ["load_1m", "load_5m", "iowait_s_total", "forks_total", "context_switches_total", "boot_time"]
    {
        assert_eq!(cpu.get(absent), None, "{absent}");
    }
    let sda = row(&parts, "disk_io", "sda");
    assert_eq!((sda["reads_total"].as_u64(), sda.get("read_bytes_total")), (Some(u64::MAX), None));
    let rows = value(&parts, "disk_io");
    let devices: Vec<_> = rows.as_array().expect("rows").iter().map(|row| row["device"].clone()).collect();
    assert_eq!(devices, ["sda", "cciss/c0d0", "xvda1"]);
    check_standing(&parts, "disk_io", Verdict::Partial, Some(Reason::Other), "3 lines");
    let rows = value(&parts, "network");
    let names: Vec<_> = rows.as_array().expect("rows").iter().map(|row| row["interface"].clone()).collect();
    assert_eq!(names, ["eth0", "eth0:1", "br-lan.100", "v\u{fffd}\u{fffd}th"]);
    assert_eq!(row(&parts, "network", "br-lan.100")["transmit_drops_total"], json!(12));
    check_standing(&parts, "network", Verdict::Partial, Some(Reason::Other), "3 lines");
    let memory = value(&parts, "memory");
    assert_eq!((memory["total_mb"].as_f64(), memory["pswpin_total"].as_u64()), (Some(2.0), Some(7)));
    for absent in ["free_mb", "buffers_mb", "used_mb", "swap_used_mb", "oom_kill_total", "pgmajfault_total"] {
        assert_eq!(memory.get(absent), None, "{absent}");
    }
    let io = json!({"full": {"avg10": 0.5, "avg60": 0.25, "avg300": 0.0, "total_us": 12}});
    assert_eq!(value(&parts, "pressure"), json!({"io": io}));
    check_standing(&parts, "pressure", Verdict::Partial, Some(Reason::Other), "made no sense");
}

#[test]
fn many_interfaces_are_bounded_to_the_busiest() {
    let root = tempfile::tempdir().expect("a directory");
    std::fs::create_dir_all(root.path().join("proc/net")).expect("a directory");
    let line = |at: u32| format!("veth{at}: {} 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0\n", (at * 7919) % 100);
    let text: String = ["\n\n".to_string()].into_iter().chain((0..100).map(line)).collect();
    std::fs::write(root.path().join("proc/net/dev"), text).expect("a file");
    let (parts, _) = read(root.path(), AT_MS, None);
    let outcome = &part(&parts, "network").outcome;
    assert_eq!((outcome.rows, outcome.total), (64, Some(100)));
    let rows = value(&parts, "network");
    let rows = rows.as_array().expect("rows");
    assert!(
        rows.iter().all(|row| row["receive_bytes_total"].as_u64() >= Some(36)),
        "the quietest are left out"
    );
}

#[test]
fn counters_survive_being_kept() {
    let (_, counters) = read(&tree("modern"), AT_MS, None);
    let kept = serde_json::to_string(&counters).expect("JSON");
    assert_eq!(serde_json::from_str::<Option<Counters>>(&kept).expect("counters"), counters);
}
