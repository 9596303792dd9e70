//! A run by hand as root leaves nothing that cron's user cannot use.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::cycle::item::watching;
use crate::support::cluster::shared;
use crate::support::majors;

const OTHER: u32 = 54_321;

#[test]
fn what_root_leaves_belongs_to_the_owner_of_its_directory() {
    if !geteuid().is_root() {
        return; // Nobody else can give files away.
    }
    let server = shared(majors()[0]);
    let database = server.fresh_database("owned");
    server.sql(&database, "create extension pg_stat_statements");
    let home = watching(server, &database, "[prometheus]\ntextfile = \"{state}/textfile/p.prom\"\n");
    let base = home.state_dir().parent().unwrap().to_owned();
    let logs = base.join("logs");
    fs::create_dir(&logs).unwrap();
    fs::create_dir(home.state_dir().join("textfile")).unwrap();
    let text = fs::read_to_string(home.config_path()).unwrap();
    home.config(&text.replace("/collector.log", "/logs/collector.log"));
    let folders = [home.state_dir(), home.target_dir(), logs.clone(), home.state_dir().join("textfile")];
    for folder in &folders {
        chown(folder, Some(OTHER), Some(OTHER)).unwrap();
    }
    assert_eq!(home.cron().code, Some(0));
    // A batch that waits, too.
    let blocked = home.target_dir().join("blocked");
    fs::write(&blocked, "").unwrap();
    let text = fs::read_to_string(home.config_path()).unwrap();
    let target = format!("file://{}", home.target_dir().display());
    home.config(&text.replace(&target, &format!("{target}/blocked/below")));
    assert_eq!(home.cron().code, Some(1));
    assert_eq!(home.spool_files().len(), 1);
    fs::remove_file(blocked).unwrap();
    assert_eq!(home.run(&["spool", "flush"]).code, Some(0));
    let mut seen = Vec::new();
    folders.iter().for_each(|folder| walk(folder, &mut seen));
    for path in &seen {
        let meta = fs::symlink_metadata(path).unwrap();
        assert_eq!((meta.uid(), meta.gid()), (OTHER, OTHER), "{}", path.display());
    }
    let has = |name: &str| seen.iter().any(|p| p.ends_with(name));
    for name in ["ledger.json", "lock", "spool", "previous", "collector.log", "status.json", "p.prom"] {
        assert!(has(name), "{name} is not among {seen:?}");
    }
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&logs.join("status.json")), 0o644, "health checks read it");
    assert_eq!(mode(&home.state_dir().join("ledger.json")), 0o600);
}

#[test]
fn roots_log_lines_do_not_follow_a_link_of_another_user() {
    if !geteuid().is_root() {
        return; // Only root's lines are worth leading astray.
    }
    let home = watching(shared(majors()[0]), "postgres", "");
    let logs = home.state_dir().with_file_name("logs");
    let victim = home.state_dir().with_file_name("victim");
    fs::create_dir(&logs).unwrap();
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, logs.join("collector.log")).unwrap();
    chown(&logs, Some(OTHER), Some(OTHER)).unwrap();
    let text = fs::read_to_string(home.config_path()).unwrap();
    home.config(&text.replace("/collector.log", "/logs/collector.log"));
    let run = home.cron();
    assert_eq!(run.code, Some(0));
    assert!(run.stderr.contains("cannot be opened"), "{}", run.stderr);
    assert_eq!(fs::read_to_string(victim).unwrap(), "precious");
}

#[test]
fn roots_batches_do_not_follow_one_either() {
    if !geteuid().is_root() {
        return; // Only root's batches are worth leading astray.
    }
    let home = watching(shared(majors()[0]), "postgres", "");
    let victim = home.state_dir().with_file_name("victim");
    fs::write(&victim, "precious").unwrap();
    // This day's file, and the next one's where midnight is near.
    for hours in [0, 24] {
        let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
        let name = day.strftime("pganalytics-%Y-%m-%d.jsonl").to_string();
        symlink(&victim, home.target_dir().join(name)).unwrap();
    }
    chown(home.target_dir(), Some(OTHER), Some(OTHER)).unwrap();
    let run = home.cron();
    assert_eq!(run.code, Some(1), "{}", home.log());
    assert!(home.log().contains("appending to") && home.spool_files().len() == 1, "{}", home.log());
    assert_eq!(fs::read_to_string(victim).unwrap(), "precious");
}

fn walk(folder: &Path, seen: &mut Vec<PathBuf>) {
    seen.push(folder.to_owned());
    for path in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        match path.is_dir() {
            true => walk(&path, seen),
            false => seen.push(path),
        }
    }
}
