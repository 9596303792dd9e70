//! health-check.sh on what real runs leave, and on what they never would.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Said, run};
use crate::cycle::item::watching;
use crate::push::desk;
use crate::support::cluster::shared;
use crate::support::home::Home;
use crate::support::{majors, ports, top, warden};

struct Checked {
    code: Option<i32>,
    text: String,
    json: Value,
}

/// Both ways to ask say the same.
#[track_caller]
fn check(home: &Home) -> Checked {
    let ask = |more: &[&str]| -> Said {
        let logs = home.log_path().with_file_name("");
        let mut script = Command::new(top().join("deploy/health-check.sh"));
        script.args(["--logs", logs.to_str().unwrap(), "--config", home.config_path().to_str().unwrap()]);
        run(script.args(more))
    };
    let (people, programs) = (ask(&[]), ask(&["--json"]));
    assert_eq!((people.err.as_str(), programs.err.as_str()), ("", ""), "{}", people.out);
    assert_eq!(people.code, programs.code, "{}", people.out);
    let json: Value = serde_json::from_str(&programs.out).unwrap_or_else(|e| panic!("{e}: {}", programs.out));
    assert_eq!(json["healthy"], people.code == Some(0), "{json}");
    assert!(people.out.starts_with("=== pgAnalytics Health Check ===\nTimestamp: 2"), "{}", people.out);
    let last = people.out.lines().last().unwrap();
    let healthy = last == "Health check complete: healthy";
    assert!(healthy || last.starts_with("Health check complete: NOT healthy: "), "{last}");
    assert_eq!(healthy, people.code == Some(0), "{}", people.out);
    Checked { code: people.code, text: people.out, json }
}

impl Checked {
    /// A line with its mark.
    #[track_caller]
    fn says(&self, code: i32, lines: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.text);
        for line in lines {
            assert!(self.text.contains(&format!("\n{line}")), "{line} is not in {}", self.text);
        }
    }
}

fn status(home: &Home) -> PathBuf {
    home.log_path().with_file_name("status.json")
}

/// What the next check finds, instead of what the last run left there.
fn change(home: &Home, from: &str, to: &str) {
    let text = fs::read_to_string(status(home)).unwrap();
    let line = text.lines().find(|line| line.starts_with(from)).unwrap_or_else(|| panic!("{from} in {text}"));
    let comma = if line.ends_with(',') { "," } else { "" };
    fs::write(status(home), text.replace(line, &format!("{from}{to}{comma}"))).unwrap();
}

fn ago(seconds: i64) -> String {
    (Timestamp::now() - SignedDuration::from_secs(seconds)).to_string()
}

fn after_a_run(more: &str) -> Home {
    let home = watching(shared(majors()[0]), "postgres", more);
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    home
}

#[test]
fn after_a_good_run_all_is_well() {
    let checked = check(&after_a_run(""));
    checked.says(
        0,
        &[
            "✅ Last cycle time: ",
            "✅ Last cycle outcome: complete",
            "✅ Last metrics push: 2",
            "✅ No errors in logs",
            "✅ Memory usage: ",
            "✅ Spool buffer: 0 batches, 0 kB, 0% of its room, oldest 0s, breaker closed",
        ],
    );
    let states = checked.json["checks"].as_array().unwrap();
    assert!(states.len() == 6 && states.iter().all(|c| c["state"] == "pass"), "{}", checked.json);
}

#[test]
fn what_never_ran_or_has_no_configuration_is_not_healthy() {
    let home = watching(shared(majors()[0]), "postgres", "");
    check(&home).says(1, &["❌ No cycle has left "]);
    assert_eq!(home.cron().code, Some(0));
    check(&home).says(0, &[]);
    fs::remove_file(home.config_path()).unwrap();
    check(&home).says(1, &["❌ Configuration /", "✅ Last cycle outcome: complete"]);
}

#[test]
fn two_intervals_without_a_cycle_are_too_long() {
    let home = after_a_run("");
    change(&home, "  \"last_cycle_at\": ", &format!("\"{}\"", ago(110)));
    check(&home).says(0, &["✅ Last cycle time: "]);
    change(&home, "  \"last_cycle_at\": ", &format!("\"{}\"", ago(125)));
    let stale = check(&home);
    stale.says(1, &["❌ Last cycle time: "]);
    assert!(
        stale.text.contains("Or every run ends with exit code 2: pganalytics --validate-config"),
        "{}",
        stale.text
    );
    change(&home, "  \"interval_s\": ", "300");
    check(&home).says(0, &[]);
    // A clock that was set back makes nothing old.
    change(&home, "  \"last_cycle_at\": ", &format!("\"{}\"", ago(-900)));
    check(&home).says(0, &["✅ Last cycle time: "]);
}

#[test]
fn errors_of_the_last_hour_are_counted_on_both_sides_of_a_rotation_and_in_both_formats() {
    let home = after_a_run("");
    let line = |seconds: i64| format!("{} ERROR: something with error in it\n", ago(seconds));
    let json = |seconds: i64, level: &str| {
        format!(
            "{{\"level\":\"{level}\",\"message\":\"\\\"level\\\":\\\"ERROR\\\"\",\"time\":\"{}\"}}\n",
            ago(seconds)
        )
    };
    let log = home.log() + &line(4000) + "no ERROR: line\n";
    fs::write(home.log_path(), &log).unwrap();
    check(&home).says(0, &["✅ No errors in logs"]);
    fs::write(home.log_path().with_extension("log.1"), line(3500) + &line(3700)).unwrap();
    check(&home).says(0, &["⚠️  Found 1 errors in logs of the last hour"]);
    fs::write(home.log_path(), log + &line(5) + &json(5, "ERROR") + &json(5, "INFO") + &json(3700, "ERROR"))
        .unwrap();
    check(&home).says(0, &["⚠️  Found 3 errors in logs of the last hour"]);
}

#[test]
fn a_spool_that_fills_what_was_refused_and_a_large_process_are_told() {
    let home = after_a_run("");
    change(&home, "  \"spool_bytes\": ", "187904820");
    check(&home).says(0, &["✅ Spool buffer: 0 batches, 187905 kB, 70% of its room"]);
    change(&home, "  \"spool_bytes\": ", "191000000");
    check(&home).says(1, &["❌ Spool buffer: 0 batches, 191000 kB, 71% of its room"]);
    change(&home, "  \"spool_bytes\": ", "0");
    change(&home, "  \"rejected_batches\": ", "2");
    check(&home).says(0, &["⚠️  Spool buffer: 2 batches refused for good lie in reject/: "]);
    change(&home, "  \"rejected_batches\": ", "null");
    change(&home, "    \"peak_rss_bytes\": ", "262144000");
    check(&home).says(0, &["⚠️  Memory usage: 250 MB"]);
    change(&home, "    \"peak_rss_bytes\": ", "null");
    change(&home, "  \"last_push_at\": ", "null");
    check(&home).says(0, &["⚠️  Memory usage: not known", "⚠️  Last metrics push: never"]);
}

/// Nothing new since days is well as long as nothing waits: a file target that was cleared, an agent with nothing due.
#[test]
fn a_push_of_long_ago_is_a_warning_where_batches_wait() {
    let home = after_a_run("");
    change(&home, "  \"last_push_at\": ", &format!("\"{}\"", ago(259_200)));
    check(&home).says(0, &["✅ Last metrics push: 2"]);
    change(&home, "  \"spool_batches\": ", "4");
    let checked = check(&home);
    checked.says(0, &["⚠️  Last metrics push: 2"]);
    assert!(checked.text.contains("s ago, and 4 batches wait\n"), "{}", checked.text);
    change(&home, "  \"last_push_at\": ", &format!("\"{}\"", ago(110)));
    check(&home).says(0, &["✅ Last metrics push: 2"]);
}

/// The backend goes, and comes back.
#[test]
fn a_backend_that_is_away_is_told_until_it_is_back() {
    let port = ports::lease();
    let home = after_a_run("");
    let good = fs::read_to_string(home.config_path()).unwrap();
    let target = format!("file://{}", home.target_dir().display());
    let away = good.replace(&target, &format!("http://127.0.0.1:{}\"\ntoken = \"t", port.number));
    assert_ne!(good, away);
    home.config(&away);
    assert_eq!(home.cron().code, Some(1));
    check(&home).says(1, &["❌ Last cycle outcome: exit 1", "❌ Attention: ", "✅ Spool buffer: 1 batches"]);
    home.cron();
    home.cron();
    let open = check(&home);
    open.says(1, &["❌ Spool buffer: 3 batches"]);
    assert!(open.text.contains("breaker open: the backend is left alone"), "{}", open.text);
    home.config(&good);
    desk::change_ledger(&home, |ledger| ledger.breaker = Default::default());
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    check(&home).says(0, &["✅ Spool buffer: 0 batches"]);
}

#[test]
fn no_database_at_all_is_told_by_its_name() {
    let home = after_a_run("");
    let text = fs::read_to_string(home.config_path()).unwrap();
    let port = ports::lease();
    home.config(
        &text.replace(&format!("port = {}", shared(majors()[0]).port()), &format!("port = {}", port.number)),
    );
    assert_eq!(home.cron().code, Some(3));
    check(&home).says(1, &["❌ Last cycle outcome: exit 3, no database could be reached", "❌ Attention: "]);
}

#[test]
fn a_status_that_is_torn_or_none_is_not_healthy_and_breaks_nothing() {
    let home = after_a_run("");
    let whole = fs::read(status(&home)).unwrap();
    let mut torn: Vec<Vec<u8>> = (0..whole.len()).step_by(37).map(|end| whole[..end].to_vec()).collect();
    torn.push(whole[..whole.len() - 1].to_vec());
    torn.extend([b"garbage".to_vec(), vec![0, 255, b'"', b'\\', b'\n'], b"{}".to_vec(), b"{\n}".to_vec()]);
    for content in torn {
        fs::write(status(&home), &content).unwrap();
        check(&home).says(1, &["❌ /"]);
    }
    fs::write(status(&home), whole).unwrap();
    change(&home, "  \"last_cycle_at\": ", "\"$(reboot) yesterday\"");
    check(&home).says(1, &["❌ /"]);
}

/// As monitoring runs it: no right to the log, and none to look into the folder of the configuration.
#[test]
fn a_user_without_rights_is_told_what_it_cannot_see() {
    if !rustix::process::geteuid().is_root() {
        return; // Nobody else becomes another user.
    }
    let home = after_a_run("");
    let (closed, open) = (warden::fresh_dir("closed"), warden::fresh_dir("open"));
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    fs::copy(top().join("deploy/health-check.sh"), open.join("health-check.sh")).unwrap();
    let mut script = Command::new("setpriv");
    script.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(open.join("health-check.sh"));
    script.arg("--logs").arg(home.log_path().parent().unwrap());
    let said = run(script.arg("--config").arg(closed.join("collector.toml"))).fine();
    assert!(said.contains("\n⚠️  Errors are not counted: "), "{said}");
    assert!(said.ends_with("\nHealth check complete: healthy\n"), "{said}");
}

/// They hold what servers and backends said.
#[test]
fn words_of_others_are_told_as_they_are_and_end_nothing() {
    let home = after_a_run("");
    let said = "a \"quoted\" \\ back\\slash, $(reboot) `reboot` ' * %s";
    change(&home, "  \"conditions\": ", &format!("[\n    {},\n    \"second\"\n  ]", serde_json::json!(said)));
    let checked = check(&home);
    checked.says(0, &[&format!("⚠️  Attention: {said}"), "⚠️  Attention: second"]);
    let texts: Vec<&str> =
        checked.json["checks"].as_array().unwrap().iter().filter_map(|c| c["text"].as_str()).collect();
    assert!(texts.contains(&format!("Attention: {said}").as_str()), "{texts:?}");
}
