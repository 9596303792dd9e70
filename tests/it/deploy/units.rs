//! The units, as systemd itself judges them; cron's and logrotate's files, as these read them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Said, run};
use crate::support::{program, top, warden};

const UNITS: [&str; 3] =
    ["pganalytics-collector.service", "pganalytics-collector.timer", "pganalytics-api.service"];

/// The units where the programs are, for systemd looks whether they can be started.
fn units() -> PathBuf {
    let folder = warden::fresh_dir("units");
    for name in UNITS {
        let text = fs::read_to_string(top().join("deploy/systemd").join(name)).unwrap();
        let built = program("pganalytics").parent().unwrap().display().to_string();
        fs::write(folder.join(name), text.replace("/opt/pganalytics/bin", &built)).unwrap();
    }
    folder
}

/// It exits with 0 where it only warns, and warns of this machine's other units too.
fn complaints(folder: &Path) -> Vec<String> {
    let files = UNITS.map(|name| folder.join(name));
    let said = run(Command::new("systemd-analyze").args(["verify", "--man=no"]).args(files));
    let ours = said.err.lines().filter(|line| line.contains("pganalytics"));
    ours.map(str::to_owned).collect()
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let folder = units();
    assert_eq!(complaints(&folder), Vec::<String>::new());
    let file = folder.join(UNITS[0]);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("LockPersonality=", "LockPersonalities=")).unwrap();
    let found = complaints(&folder);
    assert!(found.iter().any(|line| line.contains("LockPersonalities")), "{found:?}");
}

#[test]
fn the_services_are_shut_in() {
    for name in ["pganalytics-collector.service", "pganalytics-api.service"] {
        let file = top().join("deploy/systemd").join(name);
        let mut systemd = Command::new("systemd-analyze");
        let said =
            run(systemd.args(["security", "--offline=yes", "--no-pager", "--threshold=20"]).arg(&file));
        let last = said.out.lines().last().unwrap_or_default();
        assert_eq!(said.code, Some(0), "{last}\n{}", said.err);
        assert!(last.contains("Overall exposure level"), "{last}");
    }
}

/// Enabling the service enables the timer, and disabling it disables that.
#[test]
fn the_timer_goes_with_the_service() {
    let root = warden::fresh_dir("enabled");
    let folder = root.join("etc/systemd/system");
    fs::create_dir_all(&folder).unwrap();
    for name in UNITS {
        fs::copy(top().join("deploy/systemd").join(name), folder.join(name)).unwrap();
    }
    let systemctl = |words: &[&str]| -> Said {
        run(Command::new("systemctl").arg(format!("--root={}", root.display())).args(words))
    };
    let link = folder.join("timers.target.wants/pganalytics-collector.timer");
    assert_eq!(systemctl(&["enable", "pganalytics-collector.service"]).code, Some(0));
    assert!(fs::symlink_metadata(&link).is_ok());
    assert_eq!(systemctl(&["is-enabled", "pganalytics-collector.timer"]).out, "enabled\n");
    assert_eq!(systemctl(&["disable", "pganalytics-collector.service"]).code, Some(0));
    assert!(fs::symlink_metadata(&link).is_err());
    let told = |name: &str, line: &str| {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        assert!(text.contains(&format!("\n{line}\n")), "{name}: {line}");
        text
    };
    told(UNITS[0], "Wants=pganalytics-collector.timer");
    told(UNITS[0], "SuccessExitStatus=1 75");
    told(UNITS[1], "PartOf=pganalytics-collector.service");
    // A run that ends by itself would stop the timer (scripts/check-package sees it do so).
    assert!(!told(UNITS[0], "Type=oneshot").contains("\nPropagatesStopTo="));
}

/// cron passes over a file without its last end of line, or with a name that has a dot.
#[test]
fn the_crontab_is_one_that_cron_reads() {
    let text = fs::read_to_string(top().join("deploy/cron/pganalytics")).unwrap();
    assert!(text.ends_with('\n'));
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let (jobs, variables): (Vec<&str>, Vec<&str>) = lines.iter().partition(|line| line.starts_with('*'));
    assert_eq!(jobs, ["* * * * * pganalytics /opt/pganalytics/bin/pganalytics cron"]);
    assert!(variables.contains(&"MAILTO=root") && variables.contains(&"COLLECTOR_SPLAY=10"), "{variables:?}");
}

/// A run under way writes on into the file that was renamed: nothing of it is lost.
#[test]
fn logrotate_loses_no_line_of_a_run_under_way() {
    let folder = warden::fresh_dir("rotated");
    let log = folder.join("collector.log");
    let text = fs::read_to_string(top().join("deploy/logrotate/pganalytics")).unwrap();
    let me = run(Command::new("id").arg("-un")).fine();
    let group = run(Command::new("id").arg("-gn")).fine();
    let owner = format!("{} {}", me.trim(), group.trim());
    let text = text
        .replace("/var/log/pganalytics", folder.to_str().unwrap())
        .replace("pganalytics pganalytics", &owner);
    let config = folder.join("logrotate.conf");
    fs::write(&config, text).unwrap();
    fs::write(&log, "first\n").unwrap();
    let mut run_under_way = fs::OpenOptions::new().append(true).open(&log).unwrap();
    for round in 1..=3 {
        let state = folder.join("state");
        let rotated = run(Command::new("/usr/sbin/logrotate").arg("-f").arg("-s").arg(state).arg(&config));
        assert_eq!((rotated.code, rotated.err.as_str()), (Some(0), ""), "{}", rotated.out);
        std::io::Write::write_all(&mut run_under_way, format!("late {round}\n").as_bytes()).unwrap();
        run_under_way = fs::OpenOptions::new().append(true).create(true).open(&log).unwrap();
        std::io::Write::write_all(&mut run_under_way, format!("next {round}\n").as_bytes()).unwrap();
    }
    let all = run(Command::new("sh")
        .args([
            "-c",
            "cd \"$1\" && zcat -f collector.log.3.gz collector.log.2.gz collector.log.1 collector.log",
            "sh",
        ])
        .arg(&folder))
    .fine();
    assert_eq!(all, "first\nlate 1\nnext 1\nlate 2\nnext 2\nlate 3\nnext 3\n");
    let mode = run(Command::new("stat").args(["-c", "%a"]).arg(&log)).fine();
    assert_eq!(mode, "640\n");
}
