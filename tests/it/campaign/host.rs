//! Faults of the host: each wraps the run in a shell that first brings the fault about, in a mount namespace of its own
//! where it takes one, and writes down what it found.

use std::path::Path;
use std::process::Command;

use rustix::process::geteuid;

use super::fault::Host;
use crate::support::home::Home;
use crate::support::postmaster::USER;

/// `$1` state directory, `$2` injector's log, then the program.
const DISK_FULL: &str = r#"
set -e; state=$1; log=$2; shift 2; kept=$state.kept; mkdir -p "$kept"
mount --bind "$state" "$kept"; mount -t tmpfs -o size=16m,mode=700 campaign "$state"
cp -a "$kept/." "$state"; cat /dev/zero >"$state/filler" 2>/dev/null || true
echo "DiskFull $(df --output=avail "$state" | tail -1 | tr -d ' ') kB left" >>"$log"
rc=0; "$@" || rc=$?
rm -f "$state/filler"; find "$kept" -mindepth 1 ! -type d -delete; cp -a "$state/." "$kept"
exit $rc"#;

const READ_ONLY: &str = r#"
set -e; state=$1; log=$2; shift 2
mount --bind "$state" "$state"; mount -o remount,bind,ro "$state"
touch "$state/probe" 2>>"$log" || echo "ReadOnly" >>"$log"
exec "$@""#;

const WRONG_OWNER: &str = r#"
set -e; state=$1; log=$2; shift 2
"${@:1:6}" ls "$state" 2>>"$log" || echo "WrongOwner $(stat -c %U "$state")" >>"$log"
exec "$@""#;

const CLOCK: &str = r#"
set -e; log=$2; fault=$3; by=$4; shift 4
echo "$fault from $(date +%s) to $(faketime -f "$by" date +%s)" >>"$log"
exec faketime -f "$by" "$@""#;

const NO_MEMORY: &str = r#"
log=$2; bytes=$3; shift 3; rc=0
prlimit --as="$bytes" "$@" 2>"$log.stderr" || rc=$?
# A run that ended by a signal, or in which the kernel had no room for a thread or for memory.
if [ $rc -gt 100 ] || grep -qE 'os error 1[12]|memory allocation' "$log.stderr"; then
    echo "NoMemory $bytes: $rc" >>"$log"
fi
cat "$log.stderr" >&2
exit $rc"#;

const LOG_UNWRITABLE: &str = r#"
log=$2; target=$3; shift 3
echo x 2>/dev/null >"$target" || echo "LogUnwritable $target" >>"$log"
exec "$@""#;

/// The run, wrapped; `chance` picks how bad it is.
pub(super) fn wrapped(host: Host, home: &Home, program: &Path, log: &Path, chance: u64) -> Command {
    let (script, unshared, more) = match host {
        Host::DiskFull => (DISK_FULL, true, vec![]),
        Host::ReadOnly => (READ_ONLY, true, vec![]),
        Host::WrongOwner => (WRONG_OWNER, false, vec![]),
        Host::ClockAhead => {
            (CLOCK, false, vec!["ClockAhead".to_owned(), format!("+{}m", 1 + chance % 20_000)])
        }
        Host::ClockBack => (CLOCK, false, vec!["ClockBack".to_owned(), format!("-{}m", 1 + chance % 20_000)]),
        Host::NoMemory => (NO_MEMORY, false, vec![(18_000_000 + chance % 36_000_000).to_string()]),
        Host::LogUnwritable => (LOG_UNWRITABLE, false, vec![log_path(home, chance)]),
        Host::SpoolBound => unreachable!("that one is a setting"),
    };
    let mut command = Command::new(if unshared { "unshare" } else { "bash" });
    if unshared {
        command.args(["--mount", "bash"]);
    }
    command.args(["-c", script, "campaign"]).arg(home.state_dir()).arg(log).args(more);
    if host == Host::WrongOwner {
        command.args(["setpriv", "--reuid", USER, "--regid", USER, "--init-groups"]);
    }
    command.arg(program).arg("--config").arg(home.config_path()).arg("cron");
    command
}

/// One that opens and takes nothing, or one that does not open.
pub(super) fn log_path(home: &Home, chance: u64) -> String {
    match chance % 2 {
        0 => "/dev/full".to_owned(),
        _ => home.state_dir().display().to_string(),
    }
}

/// Mounts and other users' eyes take root.
pub(super) fn assert_root() {
    assert!(geteuid().is_root(), "the campaign mounts file systems and changes users: run it as root");
}
