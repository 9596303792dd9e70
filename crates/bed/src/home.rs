//! A home for one collector: its own configuration, state, log and target directory, an environment with nothing
//! in it but PATH, and the program as it was built. What it leaves behind is read from here.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::poll::{LONG, eventually};
use super::{postmaster, warden};

pub struct Home {
    dir: PathBuf,
    env: Vec<(String, String)>,
    runs: AtomicU32,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Run {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

/// A run that may still go on; dropped, it ends.
pub struct Spawned {
    child: Child,
    output: [PathBuf; 2],
    started: Instant,
}

impl Home {
    pub fn new() -> Home {
        let dir = warden::fresh_dir("home");
        fs::create_dir(dir.join("state")).unwrap();
        fs::create_dir(dir.join("batches")).unwrap();
        Home { dir, env: Vec::new(), runs: AtomicU32::new(1) }
    }

    /// A variable for all runs from here on.
    pub fn env(mut self, name: &str, value: &str) -> Home {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Writes the configuration file: what the test gives, with this home's state directory and log added where
    /// the text has `{state}`, `{log}` and `{target}`.
    pub fn config(&self, toml_text: &str) {
        let text = toml_text
            .replace("{state}", &self.state_dir().display().to_string())
            .replace("{log}", &self.log_path().display().to_string())
            .replace("{target}", &format!("file://{}", self.target_dir().display()));
        fs::write(self.config_path(), text).unwrap();
    }

    pub fn config_path(&self) -> PathBuf {
        self.dir.join("collector.toml")
    }

    pub fn state_dir(&self) -> PathBuf {
        self.dir.join("state")
    }

    pub fn log_path(&self) -> PathBuf {
        self.dir.join("collector.log")
    }

    pub fn target_dir(&self) -> PathBuf {
        self.dir.join("batches")
    }
}

/// Running the program.
impl Home {
    pub fn cron(&self) -> Run {
        self.run(&["cron"])
    }

    pub fn run(&self, args: &[&str]) -> Run {
        self.spawn(args).wait(LONG)
    }

    pub fn spawn(&self, args: &[&str]) -> Spawned {
        let mut program = Command::new(super::program("pganalytics"));
        program.arg("--config").arg(self.config_path()).args(args);
        self.spawn_command(program)
    }

    /// Output goes to files: a program that says much never waits for its reader.
    pub fn spawn_command(&self, mut program: Command) -> Spawned {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let output = ["stdout", "stderr"].map(|name| self.dir.join(format!("{name}.{number}")));
        program.env_clear().env("PATH", "/usr/bin:/bin").envs(self.env.iter().cloned());
        program.current_dir(&self.dir).stdin(Stdio::null());
        program.stdout(File::create(&output[0]).unwrap()).stderr(File::create(&output[1]).unwrap());
        Spawned { child: program.spawn().unwrap(), output, started: Instant::now() }
    }
}

impl Spawned {
    /// What it has written so far.
    pub fn stdout(&self) -> String {
        fs::read_to_string(&self.output[0]).unwrap()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn signal(&self, signal: Signal) {
        postmaster::signal(self.child.id() as i32, signal);
    }

    pub fn kill9(&self) {
        self.signal(Signal::KILL);
    }

    #[track_caller]
    pub fn wait(mut self, ceiling: Duration) -> Run {
        let status: ExitStatus = eventually(ceiling, || {
            let ended = self.child.try_wait().unwrap();
            ended.ok_or_else(|| format!("{} runs still", self.child.id()))
        });
        let took = self.started.elapsed();
        let [stdout, stderr] = self.output.each_ref().map(|path| fs::read_to_string(path).unwrap());
        Run { code: status.code(), signal: status.signal(), stdout, stderr, took }
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a run leaves behind.
impl Home {
    /// Empty before the first line.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    pub fn ledger(&self) -> Value {
        let path = self.state_dir().join("ledger.json");
        serde_json::from_slice(&fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
            .unwrap()
    }

    /// Sealed batches that wait, the oldest first.
    pub fn spool_files(&self) -> Vec<PathBuf> {
        files(&self.state_dir().join("spool"))
    }

    /// What has arrived at the `{target}`, in order.
    pub fn batches(&self) -> Vec<Value> {
        let texts = files(&self.target_dir()).into_iter().map(|path| fs::read_to_string(path).unwrap());
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        texts.flat_map(|text| text.lines().map(parse).collect::<Vec<Value>>()).collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// By name; none where the directory is not there.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.sort();
    paths
}
