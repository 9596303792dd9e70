//! The one directory of this test process, and the warden that clears up behind it.
//!
//! Every server, home and child process works below [`root`]. The warden is a shell that waits for this process to
//! end, by any means, kill -9 included: it then ends what still works there and removes the directory. Directories
//! of processes whose warden was killed as well are cleared when the next test process starts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

const PREFIX: &str = "pga-it-";

struct Root {
    dir: PathBuf,
    /// Holds the pipe whose end the warden waits for.
    _warden: Child,
}

/// A new directory below the root, open to the user that servers run as.
pub fn fresh_dir(prefix: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let dir = root().join(format!("{prefix}{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

pub fn root() -> &'static Path {
    static ROOT: OnceLock<Root> = OnceLock::new();
    &ROOT
        .get_or_init(|| {
            clear_stale();
            open()
        })
        .dir
}

fn open() -> Root {
    let prefix = format!("{PREFIX}{}-", std::process::id());
    let dir = tempfile::Builder::new().prefix(&prefix).tempdir().unwrap().keep();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    let warden = watch(&dir, Stdio::piped());
    Root { dir, _warden: warden }
}

/// In a process group of its own, so that what ends the test's group spares it.
fn watch(dir: &Path, stdin: Stdio) -> Child {
    Command::new("sh")
        .args(["-c", include_str!("warden.sh"), "warden"])
        .arg(dir)
        .current_dir("/")
        .process_group(0)
        .stdin(stdin)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh starts")
}

/// Ends and removes what dead test processes left, were their wardens killed as well.
pub fn clear_stale() {
    for entry in fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|n| n.strip_prefix(PREFIX)) else { continue };
        let owner = rest.split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(owner).exists() {
            let _ = watch(&entry.path(), Stdio::null()).wait();
        }
    }
}

/// The processes that work in `dir` or below, whoever runs them.
pub fn working_in(dir: &Path) -> Vec<i32> {
    let numbered = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let works_here =
        |pid: &i32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(dir));
    fs::read_dir("/proc").unwrap().flatten().filter_map(numbered).filter(works_here).collect()
}
