//! What a role may see: pg_monitor everything but what only superusers have, any other less, and never a statement that
//! fails.

use serde_json::Value;

use super::on_each_major;
use crate::cycle::item::{item, watching};
use crate::support::cluster::Cluster;
use crate::support::home::Home;

const KINDS: &[&str] =
    &["pg_io", "pg_wal", "pg_bgwriter", "pg_archiver", "pg_slru", "pg_settings", "pg_security"];
/// Nobody has them whom a superuser did not give them to.
const SUPERUSERS: &[&str] = &["pg_security.passwords", "pg_security.hba", "pg_security.hba_counts"];

fn home(cluster: &Cluster, role: &str) -> Home {
    let home = watching(cluster, "postgres", "[pg_security]\nenabled = true\n");
    let text = std::fs::read_to_string(home.config_path()).unwrap();
    std::fs::write(home.config_path(), text.replace("user = \"postgres\"", &format!("user = \"{role}\"")))
        .unwrap();
    home
}

/// Outcome and reason of each part of ours that is not simply good, but what a version lacks.
fn told(batch: &Value) -> Vec<(String, String, String)> {
    let mut told = Vec::new();
    for kind in KINDS {
        for (key, part) in item(batch, kind, None)["parts"].as_object().unwrap() {
            let text = |field: &str| part[field].as_str().unwrap_or_default().to_owned();
            if part["outcome"] != "ok" && part["reason"] != "version" {
                told.push((format!("{kind}.{key}"), text("outcome"), text("reason")));
            }
        }
    }
    told.sort();
    told
}

fn named(parts: &[&str], outcome: &str) -> Vec<(String, String, String)> {
    parts.iter().map(|part| ((*part).to_owned(), outcome.to_owned(), "privilege".to_owned())).collect()
}

#[test]
fn with_pg_monitor_only_what_superusers_have_is_missing() {
    on_each_major(13, |cluster| {
        let role = cluster.fresh_name("mon");
        cluster.sql("postgres", &format!("create role {role} login in role pg_monitor"));
        let home = home(cluster, &role);
        let mark = cluster.log_mark();
        let run = home.run(&["--force"]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        assert!(!cluster.log_since(mark).contains("ERROR:"), "{}", cluster.log_since(mark));
        let mut wanted = named(SUPERUSERS, "skipped");
        wanted.sort();
        assert_eq!(told(&home.batches().pop().unwrap()), wanted);

        cluster.sql(
            "postgres",
            &format!(
                "grant select on pg_hba_file_rules to {role}; grant execute on function pg_hba_file_rules() to {role}; \
                 grant select on pg_authid to {role}"
            ),
        );
        assert_eq!(home.run(&["--force"]).code, Some(0));
        let batch = home.batches().pop().unwrap();
        assert_eq!(told(&batch), []);
        assert!(item(&batch, "pg_security", None)["hba"].as_array().unwrap().len() > 2);
        cluster.sql("postgres", &format!("drop owned by {role}"));
        cluster.sql("postgres", &format!("drop role {role}"));
    });
}

#[test]
fn with_nothing_there_is_less_and_it_is_named() {
    on_each_major(13, |cluster| {
        let role = cluster.fresh_name("nobody");
        cluster.sql("postgres", &format!("create role {role} login"));
        let home = home(cluster, &role);
        let mark = cluster.log_mark();
        assert_eq!(home.run(&["--force"]).code, Some(1));
        assert!(!cluster.log_since(mark).contains("ERROR:"), "{}", cluster.log_since(mark));
        let batch = home.batches().pop().unwrap();
        let mut wanted = named(SUPERUSERS, "failed");
        wanted.extend(named(&["pg_archiver.waiting"], "failed"));
        wanted.extend(named(&["pg_settings.settings", "pg_security.tls"], "partial"));
        if cluster.major >= 18 {
            wanted.extend(named(&["pg_io.aios"], "failed"));
        }
        wanted.sort();
        assert_eq!(told(&batch), wanted);
        for (kind, field) in [("pg_bgwriter", "checkpoints_timed"), ("pg_archiver", "archived_count")] {
            assert!(item(&batch, kind, None)[field].is_u64(), "{kind}");
        }
        cluster.sql("postgres", &format!("drop role {role}"));
    });
}
