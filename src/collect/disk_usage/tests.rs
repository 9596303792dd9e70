use std::io::{Error, ErrorKind};
use std::time::Instant;

use proptest::prelude::*;
use serde_json::{Value, json};
use wire::Verdict;

use super::measure::Usage;
use super::*;

const GIB: u64 = 1 << 30;

fn tree(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/host").join(name)
}

fn rows(parts: &[Done], key: &str) -> Vec<Value> {
    let part = parts.iter().find(|part| part.key == key).expect("a part of that name");
    match &part.fragment {
        Fragment::Value(json) => serde_json::from_slice(json).expect("rows"),
        other => panic!("{key} is {other:?}"),
    }
}

fn outcome<'a>(parts: &'a [Done], key: &str) -> &'a wire::Outcome {
    &parts.iter().find(|part| part.key == key).expect("a part of that name").outcome
}

fn column(rows: &[Value], name: &str) -> Vec<String> {
    rows.iter().map(|row| row[name].as_str().unwrap_or("-").to_string()).collect()
}

fn place(label: &str, path: &str) -> Place {
    Place { label: label.into(), path: path.into() }
}

/// However busy this machine is.
fn patiently(usage: fn(&Path) -> std::io::Result<Usage>) -> How {
    How { usage, patience: Duration::from_secs(60) }
}

/// A disk of 100 GiB: 60 used, 35 free for ordinary users, 5 kept for root.
fn some_disk(path: &Path) -> std::io::Result<Usage> {
    Ok(Usage {
        path: path.to_path_buf(),
        total_bytes: Some(100 * GIB),
        used_bytes: Some(60 * GIB),
        free_bytes: Some(35 * GIB),
        inodes_total: 1000,
        inodes_free: 900,
    })
}

#[test]
fn the_disks_of_a_modern_host() {
    let parts = read_with(&tree("modern"), &[], patiently(some_disk));
    let rows = rows(&parts, "filesystems");
    let mounts = [
        "/",
        "/dev/shm",
        "/boot/efi",
        "/var/lib/postgresql",
        "/mnt/wal archive",
        "/backup",
        "/home",
        "/tank/pg",
    ];
    assert_eq!(column(&rows, "mount"), mounts);
    let expected = json!({
        "device": "/dev/nvme0n1p2", "mount": "/", "fs_type": "ext4", "total_gb": 100.0, "used_gb": 60.0,
        "free_gb": 35.0, "percent_used": 63.16, "total_bytes": 100 * GIB, "used_bytes": 60 * GIB,
        "free_bytes": 35 * GIB, "inodes": {"total": 1000, "used": 100, "free": 900, "percent_used": 10.0},
        "read_only": false
    });
    assert_eq!(rows[0], expected);
    // The kernel set it read-only after an error: the mount's own options still say rw.
    assert_eq!(rows[4]["read_only"], json!(true));
    let told = outcome(&parts, "filesystems");
    assert_eq!((told.verdict, told.rows, told.total), (Verdict::Ok, 8, Some(8)));
    let told = outcome(&parts, "places");
    assert_eq!((told.verdict, told.reason), (Verdict::Skipped, Some(Reason::NotApplicable)));
}

/// As `systemd` shows the host to a unit with `ProtectSystem=strict`.
#[test]
fn a_unit_that_may_not_write_anywhere_tells_which_disks_can_be_written() {
    let shut = "22 1 254:0 / / ro,relatime shared:1 - ext4 /dev/vda rw\n\
                30 22 254:1 / /data ro,relatime shared:2 - ext4 /dev/vdb rw\n\
                31 22 254:2 / /broken ro,relatime shared:3 - ext4 /dev/vdc ro,errors=remount-ro\n";
    let read_only = |text: &str| -> Vec<bool> {
        mounts::parse(text.as_bytes()).iter().map(|mount| mount.read_only).collect()
    };
    assert_eq!(read_only(shut), [false, false, true]);
    let open = shut.replace("/ / ro", "/ / rw");
    assert_eq!(read_only(&open), [false, true, true], "outside, a mount's own word counts");
}

#[test]
fn a_container_shows_its_root_and_the_volume_of_the_server() {
    let parts = read_with(&tree("container"), &[], patiently(some_disk));
    assert_eq!(column(&rows(&parts, "filesystems"), "mount"), ["/", "/dev/shm", "/etc/hosts"]);
    let places = [place("data_directory", "/var/lib/postgresql/data")];
    let parts = read_with(&tree("container"), &places, patiently(some_disk));
    let mounts = column(&rows(&parts, "filesystems"), "mount");
    assert_eq!(
        mounts,
        ["/var/lib/postgresql/data", "/", "/dev/shm"],
        "one filesystem once, the server's first"
    );
}

#[test]
fn odd_mounts_are_asked_by_their_real_names() {
    let parts = read_with(&tree("odd"), &[], patiently(some_disk));
    let rows = rows(&parts, "filesystems");
    assert_eq!(column(&rows, "device"), ["/dev/root", "/dev/sdb1", "/dev/sdc1", "-"]);
    assert_eq!(column(&rows, "mount"), ["/", "/srv/caf\u{fffd}", "/tab\tand\\slash", "/none"]);
    let bytes = std::fs::read(tree("odd").join("proc/self/mountinfo")).expect("a fixture");
    let mounts = mounts::parse(&bytes);
    assert_eq!(mounts[1].path.as_os_str().as_encoded_bytes(), b"/srv/caf\xe9");
    assert!(mounts.iter().all(|mount| mount.fs_type != "rootfs"), "hidden below a later mount");
}

#[test]
fn a_place_is_told_with_the_mount_that_it_lies_on() {
    let places = [
        place("data_directory", "/var/lib/postgresql/16/main"),
        place("wal", "/mnt/wal archive/pg_wal"),
        place("tablespace:fast", "/var/lib/postgresqlish"),
    ];
    fn denied_for_wal(path: &Path) -> std::io::Result<Usage> {
        match path.ends_with("pg_wal") {
            true => Err(Error::from(ErrorKind::PermissionDenied)),
            false => {
                some_disk(Path::new("/").join(path.strip_prefix(tree("modern")).expect("below")).as_path())
            }
        }
    }
    let parts = read_with(&tree("modern"), &places, patiently(denied_for_wal));
    let rows = rows(&parts, "places");
    let expected = json!({
        "label": "data_directory", "path": "/var/lib/postgresql/16/main", "readable": true,
        "mount": "/var/lib/postgresql", "device": "/dev/mapper/vg0-pgdata", "total_gb": 100.0, "used_gb": 60.0,
        "free_gb": 35.0, "percent_used": 63.16, "total_bytes": 100 * GIB, "used_bytes": 60 * GIB,
        "free_bytes": 35 * GIB
    });
    assert_eq!(rows[0], expected);
    let expected = json!({
        "label": "wal", "path": "/mnt/wal archive/pg_wal", "readable": false, "error": "permission denied"
    });
    assert_eq!(rows[1], expected);
    assert_eq!(rows[2]["mount"], json!("/"), "a name is no prefix of another");
    assert_eq!(outcome(&parts, "places").verdict, Verdict::Ok);
}

fn never_for_backup(path: &Path) -> std::io::Result<Usage> {
    while path.ends_with("backup") {
        std::thread::park();
    }
    some_disk(path)
}

#[test]
fn a_file_server_that_is_gone_costs_its_own_row() {
    let start = Instant::now();
    let places = [place("data_directory", "/var/lib/postgresql"), place("tablespace:cold", "/backup")];
    let parts = read_with(
        &tree("modern"),
        &places,
        How { usage: never_for_backup, patience: Duration::from_secs(1) },
    );
    assert!(start.elapsed() < Duration::from_secs(20), "bounded, however busy this machine is");
    let told = outcome(&parts, "filesystems");
    assert_eq!((told.verdict, told.reason), (Verdict::Partial, Some(Reason::Timeout)));
    assert_eq!((told.rows, told.total), (7, Some(8)));
    assert_eq!(told.detail.as_deref(), Some("/backup: did not answer in time"));
    let told = outcome(&parts, "places");
    assert_eq!((told.verdict, told.reason), (Verdict::Partial, Some(Reason::Timeout)));
    let places = rows(&parts, "places");
    assert_eq!((&places[0]["readable"], &places[1]["readable"]), (&json!(true), &json!(false)));
}

#[test]
fn what_cannot_be_is_absent() {
    fn odd_disk(path: &Path) -> std::io::Result<Usage> {
        let nothing =
            Usage { path: path.to_path_buf(), ..Usage { total_bytes: Some(0), ..some_disk(path)? } };
        match path.ends_with("shm") {
            true => Ok(nothing),
            false => Ok(Usage { total_bytes: None, used_bytes: None, inodes_total: 0, ..nothing }),
        }
    }
    let parts = read_with(&tree("container"), &[], patiently(odd_disk));
    let rows = rows(&parts, "filesystems");
    assert_eq!(column(&rows, "mount"), ["/", "/etc/hosts"], "what has no size is no disk");
    assert_eq!(outcome(&parts, "filesystems").total, Some(2));
    for absent in ["total_gb", "used_gb", "percent_used", "total_bytes", "used_bytes", "inodes"] {
        assert_eq!(rows[0].get(absent), None, "{absent}");
    }
    assert_eq!(rows[0]["free_gb"], json!(35.0));
}

#[test]
fn mounts_that_cannot_be_asked_are_named() {
    let parts = read(&tree("modern"), &[place("wal", "/nowhere")]);
    let told = outcome(&parts, "filesystems");
    assert_eq!((told.verdict, told.reason, told.rows), (Verdict::Partial, Some(Reason::Other), 1));
    assert!(
        told.detail.as_deref().is_some_and(|detail| detail.contains("/var/lib/postgresql: No such file"))
    );
    assert_eq!(outcome(&parts, "places").verdict, Verdict::Partial);
    let empty = tempfile::tempdir().expect("a directory");
    let parts = read(empty.path(), &[]);
    let told = outcome(&parts, "filesystems");
    assert_eq!((told.verdict, told.reason), (Verdict::Failed, Some(Reason::Other)));
    assert!(told.detail.as_deref().is_some_and(|detail| detail.starts_with("/proc/self/mountinfo: ")));
}

#[test]
fn many_filesystems_are_bounded_and_the_servers_own_stay() {
    let root = tempfile::tempdir().expect("a directory");
    std::fs::create_dir_all(root.path().join("proc/self")).expect("a directory");
    let line = |at: u32| format!("{at} 1 8:{at} / /mnt/{at} rw - ext4 /dev/sd{at} rw\n");
    std::fs::write(root.path().join("proc/self/mountinfo"), (0..100).map(line).collect::<String>())
        .expect("a file");
    let parts = read_with(root.path(), &[place("wal", "/mnt/99/wal")], patiently(some_disk));
    let told = outcome(&parts, "filesystems");
    assert_eq!((told.rows, told.total), (64, Some(100)));
    assert_eq!(rows(&parts, "filesystems")[0]["mount"], json!("/mnt/99"));
}

#[test]
fn what_may_hang_is_known_by_its_type() {
    let check = |fs_type: &str, expected: bool| {
        let line = format!("1 0 0:9 / /x rw - {fs_type} src rw");
        assert_eq!(mounts::parse(line.as_bytes())[0].may_hang(), expected, "{fs_type}");
    };
    for served in ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "fuseblk", "ceph", "fuse.glusterfs", "9p"] {
        check(served, true);
    }
    for local in ["ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "vfat"] {
        check(local, false);
    }
}

#[test]
fn the_root_of_this_machine_is_as_df_tells() {
    let df = std::process::Command::new("df").args(["-B1", "--output=size,used,avail,pcent", "/"]).output();
    let df = String::from_utf8(df.expect("df").stdout).expect("text");
    let numbers: Vec<u64> = df
        .lines()
        .nth(1)
        .expect("a line")
        .split_whitespace()
        .map(|word| word.trim_end_matches('%').parse().expect("a number"))
        .collect();
    let parts = read_with(Path::new("/"), &[place("data_directory", "/")], patiently(measure::usage));
    let rows_of_mounts = rows(&parts, "filesystems");
    let root = rows_of_mounts.iter().find(|row| row["mount"] == "/").expect("a row of the root");
    assert_eq!(root["total_bytes"].as_u64(), Some(numbers[0]));
    // Others write meanwhile.
    let near = |key: &str, told: u64| {
        let ours = root[key].as_u64().expect("a number");
        assert!(ours.abs_diff(told) <= numbers[0] / 20, "{key}: {ours}, df {told}");
    };
    near("used_bytes", numbers[1]);
    near("free_bytes", numbers[2]);
    let percent = root["percent_used"].as_f64().expect("a number");
    assert!((percent.ceil() - numbers[3] as f64).abs() <= 5.0, "{percent}, df {}", numbers[3]);
    let place = &rows(&parts, "places")[0];
    assert_eq!((&place["mount"], &place["total_bytes"]), (&json!("/"), &root["total_bytes"]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_mounts_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        mounts::choose(&mounts::parse(&bytes), &[place("wal", "/wal")]);
    }

    #[test]
    fn altered_mounts_never_panic(
        at in 0usize..2600,
        put in "[0-9: ,/=\\\\\n\u{e9}-]{0,12}|\\\\777|\\\\4| - |ro",
        cut in 0usize..2600,
    ) {
        let mut bytes = std::fs::read(tree("modern").join("proc/self/mountinfo")).expect("a fixture");
        bytes.truncate(cut);
        let at = at.min(bytes.len());
        bytes.splice(at..at, put.bytes());
        mounts::choose(&mounts::parse(&bytes), &[place("wal", "/var/lib/postgresql/wal")]);
    }
}
