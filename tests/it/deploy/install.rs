//! install.sh and uninstall.sh below a directory: what is laid, what is left alone.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Said, another, commit, run, script, stripped, tree};
use crate::support::{top, warden};

pub(super) fn install(root: &Path, bin: &Path, more: &[&str]) -> Said {
    let fixed = ["--root", root.to_str().unwrap(), "--bin", bin.to_str().unwrap()];
    script("scripts/install.sh", &[&fixed, more].concat())
}

fn uninstall(root: &Path, more: &[&str]) -> String {
    script("scripts/uninstall.sh", &[&["--root", root.to_str().unwrap()], more].concat()).fine()
}

/// Inode and time: whatever is written anew shows.
fn identities(root: &Path) -> BTreeMap<PathBuf, (u64, i64)> {
    let files = run(Command::new("find").args([root.to_str().unwrap(), "-type", "f"])).fine();
    let of = |path: PathBuf| {
        let meta = fs::metadata(&path).unwrap();
        (path, (meta.ino(), meta.mtime_nsec()))
    };
    files.lines().map(|line| of(line.into())).collect()
}

#[test]
fn a_fresh_host_gets_the_contracts_paths_and_modes() {
    let root = warden::fresh_dir("fresh");
    let said = install(&root, stripped(), &["--cron"]).fine();
    assert!(said.contains("\nnext: edit /etc/pganalytics/collector.toml; "), "{said}");
    let name = format!("pganalytics-3.3.0-{}", commit());
    let expected = [
        "755 etc",
        "755 etc/cron.d",
        "644 etc/cron.d/pganalytics",
        "755 etc/logrotate.d",
        "644 etc/logrotate.d/pganalytics",
        "755 etc/pganalytics",
        "640 etc/pganalytics/collector.toml",
        "755 etc/systemd",
        "755 etc/systemd/system",
        "644 etc/systemd/system/pganalytics-collector.service",
        "644 etc/systemd/system/pganalytics-collector.timer",
        "755 opt",
        "755 opt/pganalytics",
        "755 opt/pganalytics/bin",
        "755 opt/pganalytics/bin/diag",
        "755 opt/pganalytics/bin/health-check.sh",
        &format!("777 opt/pganalytics/bin/pganalytics {name}"),
        &format!("755 opt/pganalytics/bin/{name}"),
        "755 opt/pganalytics/bin/rollback",
        "755 opt/pganalytics/bin/uninstall.sh",
        "755 opt/pganalytics/share",
        "644 opt/pganalytics/share/collector.toml.example",
        "644 opt/pganalytics/share/cron",
        "644 opt/pganalytics/share/logrotate",
        "644 opt/pganalytics/share/mask.sed",
        "644 opt/pganalytics/share/pganalytics-collector.service",
        "644 opt/pganalytics/share/pganalytics-collector.timer",
        "755 usr",
        "755 usr/local",
        "755 usr/local/bin",
        "777 usr/local/bin/pganalytics /opt/pganalytics/bin/pganalytics",
        "755 var",
        "755 var/lib",
        "700 var/lib/pganalytics",
        "755 var/log",
        "755 var/log/pganalytics",
    ];
    assert_eq!(tree(&root), expected);
    let crontab = fs::read_to_string(root.join("etc/cron.d/pganalytics")).unwrap();
    assert!(
        crontab.ends_with("\n* * * * * pganalytics /opt/pganalytics/bin/pganalytics cron\n"),
        "{crontab}"
    );
    let before = identities(&root);
    let again = install(&root, stripped(), &["--cron"]).fine();
    assert!(again.starts_with(&format!("{name} is in place already\n")), "{again}");
    assert_eq!(identities(&root), before, "the second time nothing is written");
}

#[test]
fn the_backend_gets_its_unit_and_secrets_of_its_own() {
    let hosts: Vec<String> = (0..2)
        .map(|_| {
            let root = warden::fresh_dir("backend");
            install(&root, stripped(), &["--api"]).fine();
            assert!(tree(&root).contains(&"640 etc/pganalytics/config.toml".to_owned()));
            assert!(root.join("etc/systemd/system/pganalytics-api.service").exists());
            assert!(!root.join("opt/pganalytics/bin/pganalytics").exists());
            let config = fs::read_to_string(root.join("etc/pganalytics/config.toml")).unwrap();
            install(&root, stripped(), &["--api"]).fine();
            assert_eq!(fs::read_to_string(root.join("etc/pganalytics/config.toml")).unwrap(), config);
            let link = fs::read_link(root.join("usr/local/bin/pganalytics-api")).unwrap();
            assert_eq!(link, Path::new("/opt/pganalytics/bin/pganalytics-api"));
            uninstall(&root, &["--api"]);
            assert_eq!(tree(&root.join("opt")), Vec::<String>::new());
            assert_eq!(tree(&root.join("usr/local/bin")), Vec::<String>::new());
            config
        })
        .collect();
    assert_ne!(hosts[0], hosts[1]);
    let parsed: toml::Table = hosts[0].parse().unwrap();
    let secret = |key: &str| parsed[key].as_str().unwrap().to_owned();
    assert!(secret("jwt_secret_key").len() >= 32 && secret("registration_secret").len() >= 32);
    assert_ne!(secret("jwt_secret_key"), secret("registration_secret"));
}

/// It was there before: of an earlier release, or edited since.
#[test]
fn a_configuration_stays_and_the_difference_is_shown_without_its_secrets() {
    let root = warden::fresh_dir("kept");
    let config = root.join("etc/pganalytics/collector.toml");
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    let mine = "[postgres]\npassword = \"hunter2\"\ndsn = 'host=a password=hunter2'\n[backend]\nurl = \"https://u:hunter2@h\"\n";
    fs::write(&config, mine).unwrap();
    let said = install(&root, stripped(), &[]).fine();
    assert_eq!(fs::read_to_string(&config).unwrap(), mine);
    let example = fs::read_to_string(top().join("collector.toml.example")).unwrap();
    assert_eq!(fs::read_to_string(config.with_extension("toml.new")).unwrap(), example);
    assert!(said.contains("    -password = \"********\""), "{said}");
    assert!(said.contains("    +[collector]"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let again = install(&root, stripped(), &[]).fine();
    assert!(!again.contains("password"), "told once: {again}");
}

/// logrotate and some crons read whatever lies in their folders.
#[test]
fn what_was_edited_for_cron_and_logrotate_stays_and_nothing_lies_beside_it() {
    let root = warden::fresh_dir("edited");
    install(&root, stripped(), &["--cron"]).fine();
    for folder in ["etc/cron.d", "etc/logrotate.d"] {
        let file = root.join(folder).join("pganalytics");
        fs::write(&file, fs::read_to_string(&file).unwrap() + "MINE=1\n").unwrap();
        // As if this release came with another one than the last.
        let shipped = if folder == "etc/cron.d" { "cron" } else { "logrotate" };
        fs::write(root.join("opt/pganalytics/share").join(shipped), "older\n").unwrap();
    }
    let said = install(&root, stripped(), &[]).fine();
    for folder in ["etc/cron.d", "etc/logrotate.d"] {
        let names: Vec<_> =
            fs::read_dir(root.join(folder)).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["pganalytics"], "{folder}");
        assert!(fs::read_to_string(root.join(folder).join("pganalytics")).unwrap().ends_with("MINE=1\n"));
    }
    assert!(said.contains("    -MINE=1"), "{said}");
    for new in ["cron.new", "logrotate.new"] {
        assert!(root.join("etc/pganalytics").join(new).exists(), "{new}");
    }
    // One that nobody touched is replaced.
    fs::write(root.join("etc/cron.d/pganalytics"), "older\n").unwrap();
    fs::write(root.join("opt/pganalytics/share/cron"), "older\n").unwrap();
    install(&root, stripped(), &[]).fine();
    assert_eq!(
        fs::read_to_string(root.join("etc/cron.d/pganalytics")).unwrap(),
        fs::read_to_string(top().join("deploy/cron/pganalytics")).unwrap()
    );
}

/// As release 3.2 was started, and wanted at boot; later an operator's edit of ours.
#[test]
fn a_unit_that_is_not_ours_is_kept_and_no_second_schedule_is_left_for_the_next_boot() {
    let root = warden::fresh_dir("old-unit");
    let (units, etc) = (root.join("etc/systemd/system"), root.join("etc/pganalytics"));
    let (unit, wanted) = (units.join("pganalytics-collector.service"), units.join("multi-user.target.wants"));
    fs::create_dir_all(&wanted).unwrap();
    let old =
        "[Service]\nExecStart=/opt/pganalytics/bin/pganalytics\n[Install]\nWantedBy=multi-user.target\n";
    fs::write(&unit, old).unwrap();
    std::os::unix::fs::symlink(&unit, wanted.join("pganalytics-collector.service")).unwrap();
    let said = install(&root, stripped(), &[]).fine();
    let told = "pganalytics-collector.service is not what install.sh laid: it is /etc/pganalytics/pganalytics-collector.service.saved";
    assert!(said.contains(told), "{said}");
    let saved = etc.join("pganalytics-collector.service.saved");
    let ours = fs::read_to_string(top().join("deploy/systemd/pganalytics-collector.service")).unwrap();
    assert_eq!(
        (fs::read_to_string(&saved).unwrap(), fs::read_to_string(&unit).unwrap()),
        (old.to_owned(), ours.clone())
    );
    assert_eq!(tree(&wanted).len(), 1, "nothing said yet what starts it");
    let again = install(&root, stripped(), &["--cron"]).fine();
    assert!(!again.contains(told), "told once: {again}");
    assert_eq!(tree(&wanted), Vec::<String>::new());

    // One of an earlier build that nobody touched is replaced in silence; what was edited is kept beside what was saved before.
    for file in [&unit, &root.join("opt/pganalytics/share/pganalytics-collector.service")] {
        fs::write(file, "older\n").unwrap();
    }
    assert!(!install(&root, stripped(), &[]).fine().contains(told));
    fs::write(&unit, ours.clone() + "Nice=10\n").unwrap();
    assert!(install(&root, stripped(), &[]).fine().contains(told));
    assert!(fs::read_to_string(&saved).unwrap().ends_with("Nice=10\n"));
    assert_eq!(fs::read_to_string(etc.join("pganalytics-collector.service.saved.~1~")).unwrap(), old);

    std::os::unix::fs::symlink(&unit, wanted.join("pganalytics-collector.service")).unwrap();
    uninstall(&root, &["--purge"]);
    assert!(!tree(&root).iter().any(|line| line.contains("pganalytics")), "{:?}", tree(&root));
}

/// A program of that name that somebody put there by hand.
#[test]
fn what_has_the_programs_name_already_stays_and_is_told_of() {
    let root = warden::fresh_dir("taken");
    let taken = root.join("usr/local/bin/pganalytics");
    fs::create_dir_all(taken.parent().unwrap()).unwrap();
    fs::write(&taken, "somebody's").unwrap();
    let said = install(&root, stripped(), &[]).fine();
    assert!(said.contains("usr/local/bin/pganalytics is another program's and stays"), "{said}");
    uninstall(&root, &["--purge"]);
    assert_eq!(fs::read_to_string(&taken).unwrap(), "somebody's");
}

#[test]
fn a_rehearsal_changes_nothing_and_names_what_would_be_written() {
    let root = warden::fresh_dir("rehearsed");
    let said = install(&root, stripped(), &["--dry-run", "--cron"]).fine();
    for file in
        ["etc/cron.d/pganalytics", "etc/pganalytics/collector.toml", "opt/pganalytics/bin/health-check.sh"]
    {
        assert!(said.contains(&format!("would write {}/{file}\n", root.display())), "{file}: {said}");
    }
    assert_eq!(tree(&root), Vec::<String>::new());
    install(&root, stripped(), &["--cron"]).fine();
    let before = (tree(&root), identities(&root));
    install(&root, &another("f"), &["--dry-run"]).fine();
    uninstall(&root, &["--dry-run", "--purge"]);
    assert_eq!((tree(&root), identities(&root)), before);
}

#[test]
fn whoever_is_not_root_is_told_so() {
    // Where everybody can read them.
    let folder = warden::fresh_dir("scripts");
    for name in ["install.sh", "uninstall.sh", "rollback"] {
        let script = folder.join(name);
        fs::copy(top().join("scripts").join(name), &script).unwrap();
        let mut command = Command::new("bash");
        if rustix::process::geteuid().is_root() {
            command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "bash"]);
        }
        command.arg(script);
        if name == "install.sh" {
            command.arg("--bin").arg(stripped());
        }
        let said = run(&mut command);
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{name}: {}", said.err);
        assert!(said.err.contains("root"), "{}", said.err);
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_way_on() {
    let root = warden::fresh_dir("refused");
    let empty = warden::fresh_dir("empty");
    let refused = |bin: &Path, more: &[&str], code: i32, word: &str| {
        let said = install(&root, bin, more);
        assert_eq!(said.code, Some(code), "{more:?}: {}", said.err);
        assert!(said.err.contains(word), "{word} is not in {}", said.err);
        assert_eq!(tree(&root), Vec::<String>::new());
    };
    refused(&empty, &[], 1, "cargo build --release -p pganalytics");
    refused(stripped(), &["--keep", "none"], 1, "--keep wants a number");
    refused(stripped(), &["--api", "--cron"], 1, "systemctl enable --now pganalytics-api");
    refused(stripped(), &["--now"], 2, "install.sh [--api]");
    refused(stripped(), &["--log-group"], 2, "install.sh [--api]");
}

#[test]
fn uninstalling_leaves_what_people_and_runs_wrote() {
    let root = warden::fresh_dir("gone");
    install(&root, stripped(), &["--cron"]).fine();
    for file in
        ["var/lib/pganalytics/ledger.json", "var/lib/pganalytics/lock", "var/log/pganalytics/collector.log"]
    {
        fs::write(root.join(file), "").unwrap();
    }
    let said = uninstall(&root, &[]);
    assert!(said.contains("--purge takes them too"), "{said}");
    let left = tree(&root);
    let kept = [
        "640 etc/pganalytics/collector.toml",
        "644 var/lib/pganalytics/ledger.json",
        "644 var/log/pganalytics/collector.log",
    ];
    assert!(kept.iter().all(|file| left.iter().any(|line| line == file)), "{left:?}");
    let gone = ["opt/", "etc/cron.d/", "etc/logrotate.d/", "etc/systemd/system/", "usr/local/bin/"];
    assert!(!left.iter().any(|line| gone.iter().any(|folder| line.contains(folder))), "{left:?}");
    uninstall(&root, &["--purge"]);
    assert!(!tree(&root).iter().any(|line| line.contains("pganalytics")), "{:?}", tree(&root));
}
