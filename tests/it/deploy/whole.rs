//! On a whole host: a copy of this machine that is gone afterwards. The long walks are scripts/check-install and
//! scripts/check-package.

use std::fs;
use std::process::Command;

use rustix::process::geteuid;

use super::{run, stripped};
use crate::support::{top, warden};

/// As README.md has it: makes the user, gives it what is its own and nothing more, and takes all of it away again.
#[test]
fn the_user_gets_its_files_and_goes_with_them() {
    if !geteuid().is_root() {
        return; // Nobody else can mount, or make users.
    }
    let readme = fs::read_to_string(top().join("README.md")).unwrap();
    let typed = readme.lines().map(str::trim).filter(|line| line.starts_with("scripts/install.sh"));
    let typed: Vec<&str> = typed.collect();
    assert_eq!(typed, ["scripts/install.sh", "scripts/install.sh --cron"]);
    let walk = format!(
        "set -e
        mkdir -p /etc/pganalytics /var/log/pganalytics target/release
        cp \"$0/pganalytics\" \"$0/pganalytics-api\" target/release/
        echo '[postgres]' >/etc/pganalytics/collector.toml
        echo 'of an earlier release' >/var/log/pganalytics/collector.log
        chmod 600 /etc/pganalytics/collector.toml
        {} | grep '^attention: pganalytics cannot'
        ls /etc/cron.d/pganalytics 2>/dev/null || echo 'nothing starts yet'
        chgrp pganalytics /etc/pganalytics/collector.toml && chmod 640 /etc/pganalytics/collector.toml
        {} | grep '^attention: pganalytics cannot' || true
        scripts/install.sh --log-group adm >/dev/null
        scripts/install.sh --api >/dev/null
        id -nG pganalytics
        stat -c '%a %U:%G %n' /var/lib/pganalytics /var/log/pganalytics /var/log/pganalytics/collector.log \\
            /etc/pganalytics/* /etc/cron.d/pganalytics
        for program in pganalytics pganalytics-api; do
            env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c \"$program --version\" | sed 's/ (.*//'
        done
        for program in '' --api; do scripts/uninstall.sh $program --purge; done >/dev/null
        find /etc /opt /usr/local /var/lib /var/log -name '*pganalytics*'
        getent passwd pganalytics pganalytics-api || echo gone",
        typed[0], typed[1]
    );
    let sandbox = top().join("scripts/sandbox");
    let share = ["--share", stripped().to_str().unwrap()];
    let said =
        run(Command::new(sandbox).args(share).args(["bash", "-c", &walk]).arg(stripped()).current_dir(top()));
    let said = said.fine();
    let expected = "attention: pganalytics cannot read /etc/pganalytics/collector.toml: chgrp pganalytics /etc/pganalytics/collector.toml; chmod 640 /etc/pganalytics/collector.toml
nothing starts yet
pganalytics adm
700 pganalytics:pganalytics /var/lib/pganalytics
755 pganalytics:pganalytics /var/log/pganalytics
644 pganalytics:pganalytics /var/log/pganalytics/collector.log
640 root:pganalytics /etc/pganalytics/collector.toml
640 root:pganalytics /etc/pganalytics/collector.toml.new
640 root:pganalytics-api /etc/pganalytics/config.toml
644 root:root /etc/cron.d/pganalytics
pganalytics 3.3.0
pganalytics-api 3.3.0
gone
";
    assert_eq!(said, expected);
}

/// Some minutes of what scripts/check-endurance runs for half an hour.
#[test]
fn memory_state_and_connections_do_not_grow_and_an_outage_heals() {
    let home = warden::fresh_dir("endurance");
    let mut script = Command::new("env");
    script.arg(format!("TMPDIR={}", home.display())).arg(top().join("scripts/check-endurance"));
    let said = run(script.args(["--minutes", "6", "--away", "4", "--bin"]).arg(stripped())).fine();
    for line in ["pass  6 minutes, each complete, silent and green", "pass  it is back, ", "batches stored"] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
}
