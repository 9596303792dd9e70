//! What a release consists of: the archive that the deployment guide unpacks, Debian packages, checksums.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::install::install;
use super::{run, stripped, tree};
use crate::support::{program, top, warden};

/// Made once, for all tests of this module.
fn release() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = warden::fresh_dir("dist");
        package(&folder);
        folder
    })
}

fn package(out: &Path) {
    let mut script = Command::new(top().join("scripts/package"));
    run(script.arg("--bin").arg(stripped()).arg("--out").arg(out)).fine();
}

/// The one file whose name ends so.
fn file(folder: &Path, end: &str) -> PathBuf {
    let names = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut found: Vec<PathBuf> = names.filter(|p| p.to_str().unwrap().ends_with(end)).collect();
    assert_eq!(found.len(), 1, "{end}: {found:?}");
    found.remove(0)
}

#[test]
fn the_archive_has_the_guides_paths_and_installs() {
    let folder = warden::fresh_dir("unpacked");
    let archive = file(release(), ".tar.gz");
    assert!(archive.file_name().unwrap().to_str().unwrap().starts_with("pganalytics-v3.3.0-linux-"));
    run(Command::new("tar").arg("xzf").arg(&archive).arg("-C").arg(&folder)).fine();
    // The lines of the guide and of the plan copy these.
    for copied in ["collector/build/src/pganalytics", "pganalytics", "pganalytics-api"] {
        let copy = folder.join("copy");
        run(Command::new("cp").arg(folder.join(copied)).arg(&copy)).fine();
        let told = run(Command::new(copy).arg("--version")).fine();
        let built = program(copied.rsplit('/').next().unwrap());
        assert_eq!(told, run(Command::new(built).arg("--version")).fine(), "{copied}");
    }
    let example = fs::read_to_string(top().join("collector.toml.example")).unwrap();
    assert_eq!(fs::read_to_string(folder.join("collector/config.toml")).unwrap(), example);
    let dashboards = fs::read_dir(folder.join("grafana/dashboards")).unwrap().count();
    assert!(dashboards >= 9, "{dashboards}");
    // All of deploy/ that the documents send an operator to; debian/ is what packages are made of.
    for entry in fs::read_dir(top().join("deploy")).unwrap().map(|e| e.unwrap().file_name()) {
        assert_eq!(folder.join("deploy").join(&entry).exists(), entry != "debian", "deploy/{entry:?}");
    }

    // From the archive and from the source the same comes out.
    let (from_archive, from_source) = (warden::fresh_dir("archive"), warden::fresh_dir("source"));
    for more in [&[][..], &["--api"]] {
        let mut script = Command::new(folder.join("scripts/install.sh"));
        run(script.args(["--root", from_archive.to_str().unwrap()]).args(more)).fine();
        install(&from_source, stripped(), more).fine();
    }
    assert_eq!(tree(&from_archive), tree(&from_source));
}

#[test]
fn the_checksums_hold_and_the_same_programs_make_the_same_release() {
    let check = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(release())
        .output()
        .unwrap();
    let said = String::from_utf8(check.stdout).unwrap();
    assert_eq!(said.lines().filter(|line| line.ends_with(": OK")).count(), 3, "{said}");
    let again = warden::fresh_dir("again");
    package(&again);
    let sums = |folder: &Path| fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    assert_eq!(sums(&again), sums(release()));
}

#[test]
fn the_debian_packages_hold_what_their_hosts_need() {
    let collector = [
        "-rwxr-xr-x root/root ./opt/pganalytics/bin/pganalytics",
        "-rwxr-xr-x root/root ./opt/pganalytics/bin/health-check.sh",
        "-rwxr-xr-x root/root ./opt/pganalytics/bin/diag",
        "-rw-r--r-- root/root ./opt/pganalytics/share/mask.sed",
        "-rw-r--r-- root/root ./opt/pganalytics/share/cron",
        "-rw-r--r-- root/root ./opt/pganalytics/share/collector.toml.example",
        "-rw-r--r-- root/root ./etc/logrotate.d/pganalytics",
        "-rw-r--r-- root/root ./lib/systemd/system/pganalytics-collector.service",
        "-rw-r--r-- root/root ./lib/systemd/system/pganalytics-collector.timer",
        "-rw-r--r-- root/root ./usr/share/man/man1/pganalytics.1.gz",
        "-rw-r--r-- root/root ./usr/share/bash-completion/completions/pganalytics",
        "-rw-r--r-- root/root ./usr/share/doc/pganalytics/copyright",
        "lrwxrwxrwx root/root ./usr/bin/pganalytics -> /opt/pganalytics/bin/pganalytics",
    ];
    let backend = [
        "-rwxr-xr-x root/root ./opt/pganalytics/bin/pganalytics-api",
        "-rw-r--r-- root/root ./lib/systemd/system/pganalytics-api.service",
        "-rw-r--r-- root/root ./opt/pganalytics/share/config.toml",
        "lrwxrwxrwx root/root ./usr/bin/pganalytics-api -> /opt/pganalytics/bin/pganalytics-api",
    ];
    for (name, expected) in [("pganalytics_", &collector[..]), ("pganalytics-api_", &backend)] {
        let names = fs::read_dir(release()).unwrap().map(|e| e.unwrap().path());
        let deb = names.filter(|p| p.extension().is_some_and(|e| e == "deb"));
        let deb =
            deb.into_iter().find(|p| p.file_name().unwrap().to_str().unwrap().starts_with(name)).unwrap();
        let listed = run(Command::new("dpkg-deb").arg("--contents").arg(&deb)).fine();
        let squeezed: Vec<String> = listed
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .map(|words| format!("{} {} {}", words[0], words[1], words[5..].join(" ")))
            .collect();
        for line in expected {
            assert!(squeezed.iter().any(|l| l == line), "{line} is not in {squeezed:#?}");
        }
        let field = |field: &str| run(Command::new("dpkg-deb").arg("--field").arg(&deb).arg(field)).fine();
        assert!(field("Depends").starts_with("libc6 (>= 2."), "{}", field("Depends"));
        assert!(field("Version").starts_with("3.3.0"), "{}", field("Version"));
        // No package may bring a configuration with it: it would be asked about, or overwritten.
        assert!(!listed.contains("/etc/pganalytics"), "{listed}");
    }
}

/// The words up to a file's name, which are others in that walk.
#[test]
fn what_the_documents_type_in_the_scripts_place_is_walked() {
    let document = fs::read_to_string(top().join("docs/INSTALL.md")).unwrap();
    let (_, table) = document.split_once("| with packages |\n|---|---|\n").unwrap();
    let walked = fs::read_to_string(top().join("scripts/walk-package")).unwrap();
    let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), 6);
    for row in rows {
        for command in row.rsplit(" | ").next().unwrap().split('`').skip(1).step_by(2) {
            let command = command.split(" ./").next().unwrap();
            assert!(command.starts_with("--") || walked.contains(command), "nobody walks {command}");
        }
    }
}
