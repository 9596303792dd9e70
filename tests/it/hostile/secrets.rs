//! Passwords and tokens: where they may be seen, which is nowhere.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use rustix::process::Signal;

use super::files;
use crate::support::cluster::{Cluster, shared};
use crate::support::home::Home;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};
use crate::support::stub::{Answer, Stub};

const PASSWORD: &str = "pw-1414213562";
const IN_DSN: &str = "dsn-1732050807";
const TOKEN: &str = "tok-2236067977";
const OF_PROXY: &str = "prx-2645751311";
const REGISTRATION: &str = "reg-3316624790";
/// `u:prx-2645751311`
const OF_PROXY_ENCODED: &str = "dTpwcngtMjY0NTc1MTMxMQ";

/// Each secret where an operator may put it: in the file, in a connection string, in a file of its own, in the environment.
fn collector(server: &Cluster, url: &str, more: &str) -> Home {
    let home = Home::new().env("REGISTRATION_SECRET", REGISTRATION);
    home.config(&format!(
        "[collector]\nid = \"c-1\"\nname = \"secretive\"\nstate_dir = \"{{state}}\"\nrun_timeout = 10\n[backend]\nurl = \"{url}\"\n\
         token = \"{TOKEN}\"\n{more}\n[postgres]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"postgres\"\npassword = \"{PASSWORD}\"\n\
         [[servers]]\nname = \"nowhere\"\ndsn = \"postgresql://u:{IN_DSN}@127.0.0.1:1/x?sslmode=disable\"\n\
         [logging]\nfile_path = \"{{log}}\"\nlevel = \"trace\"\n",
        port = server.port(),
    ));
    home
}

/// In no output, log or file of a run, at the most talkative level, whatever goes wrong.
#[test]
fn no_secret_is_told_whatever_is_asked() {
    let refusing =
        Stub::start(|_| Answer::reply(401, format!("{{\"code\":\"x\",\"message\":\"not {TOKEN}\"}}")));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxied = format!("proxy = \"http://u:{OF_PROXY}@{closed}\"");
    for (url, more) in [(refusing.url(), String::new()), ("http://backend.invalid".to_owned(), proxied)] {
        let home = collector(shared(majors()[0]), &url, &more);
        for args in [
            &["cron", "-vvv"][..],
            &["--dry-run", "-vvv"],
            &["--dry-run", "--manifest"],
            &["check"],
            &["--validate-config"],
            &["collectors"],
            &["status"],
            &["status", "--json"],
            &["spool", "list"],
            &["spool", "flush"],
            &["register"],
        ] {
            let run = home.run(args);
            assert!(run.signal.is_none() && run.code.is_some_and(|code| code < 64), "{args:?}: {run:?}");
        }
        let all = files(home.state_dir().parent().unwrap());
        assert!(all.len() > 20, "{all:?}");
        for path in all.iter().filter(|path| **path != home.config_path()) {
            let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
            for secret in [PASSWORD, IN_DSN, TOKEN, OF_PROXY, OF_PROXY_ENCODED, REGISTRATION] {
                assert!(!text.contains(secret), "{secret} is in {}", path.display());
            }
        }
    }
}

/// Nothing is started that could be seen, or be given an environment: one program, and threads of it.
#[test]
fn a_run_has_no_children() {
    let home = collector(shared(majors()[0]), "http://127.0.0.1:1", "");
    let trace = home.log_path().with_file_name("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", "trace=execve,execveat,fork,vfork,clone,clone3", "-o"]).arg(&trace);
    strace.arg(env!("CARGO_BIN_EXE_pganalytics")).arg("--config").arg(home.config_path()).arg("cron");
    let run = home.spawn_command(strace).wait(LONG);
    assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
    let traced = fs::read_to_string(&trace).unwrap();
    let calls = |name: &str| traced.lines().filter(|line| line.contains(&format!(" {name}("))).count();
    assert_eq!(calls("execve") + calls("execveat"), 1, "{traced}");
    assert_eq!(calls("fork") + calls("vfork"), 0, "{traced}");
    let made: Vec<&str> = traced.lines().filter(|line| line.contains(" clone")).collect();
    assert!(
        !made.is_empty() && made.iter().all(|line| line.contains("CLONE_THREAD") || line.contains("resumed")),
        "{traced}"
    );
}

/// What everybody may see of a process: its command line. What a crash leaves of it: nothing.
#[test]
fn a_process_shows_nothing_and_leaves_no_core() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = collector(shared(majors()[0]), &format!("http://{}", silent.local_addr().unwrap()), "");
    let limited = |program: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -c unlimited 2>/dev/null; exec {program}")]);
        shell.current_dir(home.state_dir()).env_clear().env("PATH", "/usr/bin:/bin");
        shell.spawn().unwrap()
    };
    let crash = |mut child: std::process::Child| {
        crate::support::postmaster::signal(child.id() as i32, Signal::ABORT);
        eventually(LONG, || child.try_wait().unwrap().ok_or("it runs still"))
    };
    let mut sleeper = limited("sleep 60");
    eventually(LONG, || match fs::read_to_string(format!("/proc/{}/comm", sleeper.id())) {
        Ok(comm) if comm.trim() == "sleep" => Ok(()),
        other => Err(format!("{other:?} {:?}", sleeper.try_wait())),
    });
    let dumps = crash(sleeper).core_dumped();
    let run = limited(&format!(
        "{} --config {} cron",
        env!("CARGO_BIN_EXE_pganalytics"),
        home.config_path().display()
    ));
    // It waits for the backend by then.
    let (_held, _) = silent.accept().unwrap();
    let shown = fs::read(format!("/proc/{}/cmdline", run.id())).unwrap();
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(shown.contains("cron") && !shown.contains(TOKEN) && !shown.contains(PASSWORD), "{shown}");
    let status = crash(run);
    assert_eq!((status.signal(), status.core_dumped()), (Some(Signal::ABORT.as_raw()), false));
    if !dumps {
        println!("skipped: this host writes no core of anybody");
    }
}
