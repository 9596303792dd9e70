//! What others lay into the state directory, and what they may read of it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use super::files;
use crate::push::desk::{PUSH, configure, store_token};
use crate::support::home::Home;
use crate::support::poll::LONG;
use crate::support::stub::{Answer, Stub};

fn collector(answer: Answer, more: &str) -> (Stub, Home) {
    let stub = Stub::start(move |request| match request.path.as_str() {
        PUSH => answer.clone(),
        _ => Answer::reply(404, ""),
    });
    let home = Home::new();
    configure(&home, &stub.url(), "", more);
    store_token(&home, "a-token");
    (stub, home)
}

/// A link to a victim in the place of each thing of ours: the victim stays as it was, and a person hears of the link.
#[test]
fn a_planted_link_is_not_followed() {
    const LINK: &str = "it is a symbolic link";
    for (name, folder, told) in [
        ("ledger.json", false, true),
        (".ledger.json.new", false, false),
        ("lock", false, true),
        ("spool", true, true),
        ("reject", true, true),
        ("previous", true, true),
        ("settings", true, true),
        ("collector.token", false, true),
        ("collector.id", false, true),
        ("privacy.key", false, true),
        ("remote.toml", false, true),
        ("previous/link.bin", false, false),
        ("spool/000000001-link.json.gz", false, false),
        ("spool/.000000001-link.json.gz.new", false, false),
    ] {
        let (stub, home) =
            collector(Answer::Accept, "[privacy]\nidentifiers = \"hash\"\n[pg_settings]\ninterval = 1\n");
        let victim = home.state_dir().with_file_name("victim");
        let inside = victim.join("inside");
        match folder {
            true => fs::create_dir(&victim).and_then(|()| fs::write(&inside, "precious")).unwrap(),
            false => fs::write(&victim, "precious").unwrap(),
        }
        let planted = home.state_dir().join(name);
        fs::create_dir_all(planted.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&planted);
        symlink(&victim, &planted).unwrap();
        let runs = [home.cron(), home.cron(), home.run(&["spool", "flush"]), home.run(&["check"])];
        let said: String = runs.iter().map(|run| format!("{}{}", run.stdout, run.stderr)).collect();
        let said = said + &home.log();
        assert_eq!(said.contains(LINK) && said.contains(name), told, "{name}: {said}");
        assert!(!said.contains("precious"), "{name}: {said}");
        let sent = stub.requests();
        assert!(sent.iter().all(|seen| !format!("{:?}", seen.request).contains("precious")), "{name}");
        let left = if folder { &inside } else { &victim };
        assert_eq!(fs::read_to_string(left).unwrap(), "precious", "{name}");
        if folder {
            assert_eq!(fs::read_dir(&victim).unwrap().count(), 1, "{name}");
        }
        assert_eq!(fs::metadata(&victim).unwrap().permissions().mode() & 0o022, 0, "{name}");
    }
}

/// A pipe without a writer would hold whoever opened it to read.
#[test]
fn a_planted_pipe_holds_nobody() {
    for name in ["ledger.json", "lock", "collector.token", "collector.id", "remote.toml"] {
        let (_stub, home) = collector(Answer::Accept, "");
        let planted = home.state_dir().join(name);
        let _ = fs::remove_file(&planted);
        assert!(Command::new("mkfifo").arg(&planted).status().unwrap().success());
        let run = home.cron();
        assert!(matches!(run.code, Some(0 | 1)), "{name}: {run:?}");
        assert!(run.took.as_secs() < 20, "{name}: {:?}", run.took);
    }
}

/// Whatever umask cron has: for the owner alone.
#[test]
fn what_a_run_leaves_is_its_owners_alone() {
    for umask in ["000", "022", "077"] {
        let (stub, home) = collector(Answer::reply(503, ""), "[privacy]\nidentifiers = \"hash\"\n");
        let state = home.state_dir().join("deeper/state");
        let text = fs::read_to_string(home.config_path()).unwrap();
        let token = home.state_dir().join("collector.token");
        let moved = text.replace(
            &format!("state_dir = \"{}\"", home.state_dir().display()),
            &format!("state_dir = \"{}\"", state.display()),
        );
        home.config(
            &moved.replace("[backend]\n", &format!("[backend]\ntoken_file = \"{}\"\n", token.display())),
        );
        let masked = |args: &str| {
            let program = env!("CARGO_BIN_EXE_pganalytics");
            let line =
                format!("umask {umask}; exec {program} --config {} {args}", home.config_path().display());
            let mut shell = Command::new("sh");
            shell.args(["-c", &line]);
            home.spawn_command(shell).wait(LONG)
        };
        assert_eq!(masked("cron").code, Some(1));
        assert_eq!(masked("cron").code, Some(1));
        assert!(stub.requests().iter().any(|seen| seen.request.path == PUSH));
        let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&state), 0o700, "umask {umask}");
        let all = files(&state);
        for name in ["ledger.json", "lock", "privacy.key"] {
            assert!(all.iter().any(|path| path.ends_with(name)), "{name} is not among {all:?}");
        }
        assert!(all.iter().any(|path| path.starts_with(state.join("spool"))), "{all:?}");
        for path in all {
            assert_eq!(mode(&path), 0o600, "umask {umask}: {}", path.display());
            let folder = path.parent().unwrap();
            assert_eq!(mode(folder), 0o700, "umask {umask}: {}", folder.display());
        }
        assert_eq!(mode(&home.log_path()) & 0o027, 0, "umask {umask}: nobody else reads or writes the log");
        assert_eq!(mode(&home.log_path().with_file_name("status.json")) & 0o022, 0, "umask {umask}");
    }
}
