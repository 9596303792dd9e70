//! One PostgreSQL process tree: how it starts, how it ends, how it crashes. Knows nothing of SQL.
//!
//! A server refuses to run as root; root's tests run it as `pgtest`, a user that `scripts/pg-fetch` makes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::poll::{LONG, eventually};
use super::warden;

pub const USER: &str = "pgtest";

pub struct Postmaster {
    tree: PathBuf,
    /// Holds `data`, `log` and the socket.
    dir: PathBuf,
    child: Option<Child>,
}

impl Postmaster {
    /// A copy of the major's template, not started yet.
    pub fn prepare(major: u32) -> Postmaster {
        let postmaster = Postmaster::bare(major);
        run(Command::new("cp").arg("-a").arg(postmaster.tree.join("template")).arg(postmaster.data_dir()));
        postmaster
    }

    /// A copy of the data directory of a server that runs, and is in backup mode, without what a backup leaves out.
    pub fn prepare_copy(major: u32, data: &Path) -> Postmaster {
        let postmaster = Postmaster::bare(major);
        fs::create_dir(postmaster.data_dir()).unwrap();
        // Files that change or go meanwhile are a fault to the tar that reads, and to nobody else.
        let copy = "tar -C \"$1\" --exclude='./postmaster.*' --exclude='./pg_wal/*' --exclude='./pg_replslot/*' \
             --exclude='./pg_stat_tmp/*' -cf - . | tar -C \"$2\" -xpf - && chmod 700 \"$2\"";
        run(Command::new("sh").args(["-c", copy, "copy"]).arg(data).arg(postmaster.data_dir()));
        fs::create_dir(postmaster.data_dir().join("pg_wal/archive_status")).unwrap();
        postmaster
    }

    fn bare(major: u32) -> Postmaster {
        let tree = super::top().join(format!("target/pg/{major}"));
        let tree =
            tree.canonicalize().unwrap_or_else(|_| panic!("no PostgreSQL {major}: scripts/pg-fetch {major}"));
        Postmaster { tree, dir: warden::fresh_dir(&format!("pg{major}-")), child: None }
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn log_path(&self) -> PathBuf {
        self.dir.join("log")
    }

    pub fn launch(&mut self) {
        assert!(self.child.is_none(), "the server runs already");
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        let mut command = self.command();
        command.arg("-D").arg(self.dir.join("data")).stdin(std::process::Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().expect("setpriv and postgres can be run"));
    }

    fn command(&self) -> Command {
        let mut command = as_server_user(&self.dir, &self.tree.join("bin/postgres"));
        // Its own libraries first: with the system's older libpq a walreceiver starts and never streams.
        command.env_clear().env("LD_LIBRARY_PATH", self.tree.join("lib")).env("LC_ALL", "C.UTF-8");
        command.env("PATH", "/usr/bin:/bin");
        command
    }

    /// Whether the process is there; after an end of its own accord the log says why.
    pub fn alive(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    pub fn pid(&self) -> i32 {
        self.child.as_ref().expect("the server runs").id() as i32
    }

    /// Ends by a shutdown signal: INT is fast, QUIT is at once.
    pub fn end(&mut self, how: Signal) {
        let Some(mut child) = self.child.take() else { return };
        signal(child.id() as i32, how);
        self.resume_all();
        let asked = Instant::now();
        while child.try_wait().unwrap().is_none() && asked.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = child.kill();
        child.wait().unwrap();
    }

    /// A process that a test has paused cannot hear that its server ends.
    fn resume_all(&self) {
        for pid in warden::working_in(&self.dir) {
            signal(pid, Signal::CONT);
        }
    }

    /// kill -9, and the wait until none of its children is left, as they keep the data directory busy.
    pub fn crash(&mut self) {
        let mut child = self.child.take().expect("the server runs");
        child.kill().unwrap();
        child.wait().unwrap();
        self.resume_all();
        eventually(LONG, || match warden::working_in(&self.dir) {
            left if left.is_empty() => Ok(()),
            left => Err(left),
        });
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        self.end(Signal::QUIT);
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A program that refuses to run as root, and what it keeps on disk.
pub fn as_server_user(dir: &Path, program: &Path) -> Command {
    if !geteuid().is_root() {
        return Command::new(program);
    }
    run(Command::new("chown").args(["-R", &format!("{USER}:")]).arg(dir));
    let mut setpriv = Command::new("setpriv");
    setpriv.args(["--reuid", USER, "--regid", USER, "--init-groups"]).arg(program);
    setpriv
}

/// A process that is gone already needs no signal.
pub fn signal(pid: i32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid).expect("a pid is positive"), signal);
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
