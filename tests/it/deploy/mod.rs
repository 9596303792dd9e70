//! What operators get beside the programs: scripts, units, packages. Files go below a directory of the test's own; the same on
//! a whole host: scripts/check-install, scripts/check-package.

mod diag;
mod health;
mod install;
mod package;
mod units;
mod versions;
mod whole;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{program, top, warden};

/// What a script did.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

/// As cron starts it: with no more than that.
fn script(path: &str, arguments: &[&str]) -> Said {
    run(Command::new(top().join(path)).args(arguments))
}

fn run(command: &mut Command) -> Said {
    let done = command.env_clear().env("PATH", "/usr/bin:/bin").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) }
}

impl Said {
    #[track_caller]
    fn fine(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }
}

/// The built programs without what is there for debuggers, so that copies are made soon.
fn stripped() -> &'static Path {
    static FOLDER: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = warden::fresh_dir("stripped");
        for name in ["pganalytics", "pganalytics-api"] {
            let strip = Command::new("strip").arg("-o").arg(folder.join(name)).arg(program(name)).status();
            assert!(strip.unwrap().success());
        }
        folder
    })
}

/// The commit that the program was built from, as it tells it.
fn commit() -> String {
    let told = run(Command::new(program("pganalytics")).arg("--version")).fine();
    told.split(['(', ',']).nth(1).expect("pganalytics 3.3.0 (commit, target)").to_owned()
}

/// The collector as another commit would build it: the same program under another name.
fn another(other: &str) -> PathBuf {
    let (commit, mut bytes) = (commit(), fs::read(stripped().join("pganalytics")).unwrap());
    let other = format!("{other:0>width$}", width = commit.len());
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, commit.as_bytes()).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at..at + other.len()].copy_from_slice(other.as_bytes()));
    let folder = warden::fresh_dir("another");
    fs::write(folder.join("pganalytics"), bytes).unwrap();
    fs::set_permissions(folder.join("pganalytics"), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Everything below a directory: its mode, its path, and where a link leads.
fn tree(root: &Path) -> Vec<String> {
    let listed =
        run(Command::new("find").args([root.to_str().unwrap(), "-mindepth", "1", "-printf", "%m %P %l\n"]))
            .fine();
    let mut lines: Vec<String> = listed.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.sort_by_key(|line| line.split_once(' ').map(|(_, path)| path.to_owned()));
    lines
}
