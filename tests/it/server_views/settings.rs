use serde_json::Value;

use super::{forced, home, on_each_major, reloaded, reset, set};
use crate::cycle::item::{cycle, item, row, rows, watching};
use crate::support::cluster::Cluster;

fn change<'a>(found: &'a Value, name: &str) -> &'a Value {
    let changed = found["changed"].as_array().unwrap_or_else(|| panic!("nothing was compared: {found:#}"));
    changed
        .iter()
        .find(|c| c["name"] == name)
        .unwrap_or_else(|| panic!("{name} did not change: {changed:#?}"))
}

fn names(found: &Value) -> Vec<&str> {
    rows(found, "settings").iter().map(|r| r["name"].as_str().unwrap()).collect()
}

#[test]
fn a_setting_is_told_as_the_server_has_it() {
    on_each_major(13, |cluster| {
        set(cluster, "work_mem", "5MB");
        let found = forced(&home(cluster), "pg_settings");
        let mut conn = cluster.conn("postgres");
        let configured = "select name, setting, unit, boot_val, source, sourcefile, sourceline, context from pg_settings \
                          where source = 'configuration file' and setting is distinct from coalesce(boot_val, '') \
                          and name not in ('client_encoding')";
        let wanted = conn.query(configured, &[]).unwrap();
        assert!(wanted.len() > 10);
        for setting in wanted {
            let text = |column| setting.get::<_, Option<String>>(column).map_or(Value::Null, Value::from);
            let told = row(&found, "settings", setting.get(0));
            let fields = ["value", "unit", "boot_value", "source", "source_file"].map(|f| told[f].clone());
            assert_eq!(fields, [text(1), text(2), text(3), text(4), text(5)], "{told:#}");
            assert_eq!(
                told["source_line"],
                setting.get::<_, Option<i32>>(6).map_or(Value::Null, Value::from)
            );
            assert_eq!(told["context"], text(7));
        }
        let work_mem = row(&found, "settings", "work_mem");
        assert!(work_mem["source_file"].as_str().unwrap().ends_with("postgresql.auto.conf"), "{work_mem:#}");
        assert_eq!(found["settings_total"], names(&found).len());
        reset(cluster, "work_mem");
        assert!(!names(&forced(&home(cluster), "pg_settings")).contains(&"work_mem"));
    });
}

#[test]
fn what_changed_is_told_with_what_it_was() {
    on_each_major(13, |cluster| {
        let home = home(cluster);
        let first = forced(&home, "pg_settings");
        assert!(first["changed"].is_null() && first["changed_since"].is_null(), "nothing to compare with");
        let second = forced(&home, "pg_settings");
        assert_eq!((&second["changed"], &second["digest"]), (&Value::Array(Vec::new()), &first["digest"]));
        assert!(second["changed_since"].is_string());

        set(cluster, "work_mem", "5MB");
        let third = forced(&home, "pg_settings");
        assert_eq!(change(&third, "work_mem"), &serde_json::json!({"name": "work_mem", "new": "5120"}));
        assert_ne!(third["digest"], first["digest"]);
        set(cluster, "work_mem", "6MB");
        let fourth = forced(&home, "pg_settings");
        assert_eq!(
            (&change(&fourth, "work_mem")["old"], &change(&fourth, "work_mem")["new"]),
            (&"5120".into(), &"6144".into())
        );
        reset(cluster, "work_mem");
        let fifth = forced(&home, "pg_settings");
        assert_eq!(change(&fifth, "work_mem"), &serde_json::json!({"name": "work_mem", "old": "6144"}));
        assert_eq!(fifth["digest"], first["digest"], "everything is as it was");
    });
}

#[test]
fn our_own_transaction_leaves_no_trace() {
    on_each_major(13, |cluster| {
        let plain = forced(&home(cluster), "pg_settings");
        let hasty = "\n[postgres]\nstatement_timeout_ms = 4321\nlock_timeout_ms = 77";
        let other = watching(cluster, "postgres", "");
        let text = std::fs::read_to_string(other.config_path()).unwrap();
        std::fs::write(other.config_path(), text.replace("\n[postgres]", hasty)).unwrap();
        assert_eq!(forced(&other, "pg_settings")["digest"], plain["digest"]);
        let ours = [
            "statement_timeout",
            "lock_timeout",
            "jit",
            "search_path",
            "application_name",
            "transaction_read_only",
        ];
        assert!(ours.iter().all(|name| !names(&plain).contains(name)), "{plain:#}");

        set(cluster, "statement_timeout", "33s");
        let found = forced(&home(cluster), "pg_settings");
        let covered = row(&found, "settings", "statement_timeout");
        assert_eq!((&covered["value"], &covered["source"]), (&"33000".into(), &Value::Null), "{covered:#}");
        cluster.sql("postgres", "alter database postgres set statement_timeout = '44s'");
        let found = forced(&home(cluster), "pg_settings");
        assert!(!names(&found).contains(&"statement_timeout"), "nobody can see what lies below: {found:#}");
        cluster.sql("postgres", "alter database postgres reset statement_timeout");
        reset(cluster, "statement_timeout");
    });
}

#[test]
fn a_restart_that_waits() {
    on_each_major(13, |cluster| {
        let home = home(cluster);
        assert_eq!(forced(&home, "pg_settings")["pending_restarts"], Value::Array(Vec::new()));
        set(cluster, "max_connections", "99");
        let found = forced(&home, "pg_settings");
        assert_eq!(found["pending_restarts"], serde_json::json!(["max_connections"]));
        let waiting = row(&found, "settings", "max_connections");
        assert_eq!((&waiting["value"], &waiting["pending_restart"]), (&"100".into(), &true.into()));
        assert_eq!(found["changed"], Value::Array(Vec::new()), "not yet: {found:#}");
        cluster.restart();
        let after = forced(&home, "pg_settings");
        assert_eq!(after["pending_restarts"], Value::Array(Vec::new()));
        assert_eq!(row(&after, "settings", "max_connections")["value"], "99");
        reset(cluster, "max_connections");
        cluster.restart();
    });
}

#[test]
fn settings_of_databases_and_roles() {
    on_each_major(13, |cluster| {
        let home = home(cluster);
        forced(&home, "pg_settings");
        let database = cluster.fresh_database("set");
        let role = cluster.fresh_name("set");
        cluster.sql(
            "postgres",
            &format!(
                "create role {role}; alter database {database} set work_mem = '7MB'; \
                 alter role {role} set search_path = a, b; alter role {role} in database {database} set work_mem = '8MB'"
            ),
        );
        let found = forced(&home, "pg_settings");
        let told: Vec<[&str; 4]> = rows(&found, "role_settings")
            .iter()
            .map(|r| ["database", "role", "name", "value"].map(|f| r[f].as_str().unwrap_or("-")))
            .filter(|r| r[0] == database || r[1] == role)
            .collect();
        for wanted in [
            [&*database, "-", "work_mem", "7MB"],
            ["-", &*role, "search_path", "a, b"],
            [&*database, &*role, "work_mem", "8MB"],
        ] {
            assert!(told.contains(&wanted), "{wanted:?} in {told:?}");
        }
        let changed = found["changed"].as_array().unwrap();
        assert_eq!(changed.len(), 3, "{changed:#?}");
        assert!(
            changed.iter().any(|c| c["database"] == *database && c["role"] == *role && c["new"] == "8MB")
        );
        cluster.sql("postgres", &format!("drop database {database}"));
        cluster.sql("postgres", &format!("drop role {role}"));
        let gone = forced(&home, "pg_settings");
        assert!(gone["changed"].as_array().unwrap().iter().any(|c| c["old"] == "8MB" && c["new"].is_null()));
    });
}

#[test]
fn no_secret_leaves_the_server() {
    on_each_major(13, |cluster| {
        let home = home(cluster);
        forced(&home, "pg_settings");
        let secrets = [
            ("primary_conninfo", "host=primary.example user=rep password=hunter2one application_name=here"),
            ("ssl_passphrase_command", "echo hunter2two"),
            ("archive_cleanup_command", "curl -H \"Authorization: Bearer hunter2three\" https://host"),
            ("restore_command", "AWS_SECRET_ACCESS_KEY=hunter2four fetch %f %p"),
        ];
        for (name, value) in secrets {
            cluster.sql("postgres", &format!("alter system set {name} = '{value}'"));
        }
        reloaded(cluster);
        let database = cluster.fresh_database("secret");
        cluster.sql("postgres", &format!("alter database {database} set app.jwt_secret = 'hunter2five'"));
        // On 13 recovery's own settings are read at the start.
        cluster.restart();
        let batch = cycle(&home, &["--force"]);
        let found = item(&batch, "pg_settings", None);
        let conninfo = row(found, "settings", "primary_conninfo");
        let kept = "host=primary.example user=rep password=*** application_name=here";
        assert_eq!((&conninfo["value"], &conninfo["masked"]), (&kept.into(), &true.into()));
        for (name, _) in &secrets[1..] {
            assert_eq!(row(found, "settings", name)["value"], "***", "{name}");
        }
        assert_eq!(row(found, "role_settings", "app.jwt_secret")["value"], "***");
        assert_eq!(change(found, "primary_conninfo")["new"], kept);
        assert!(!batch.to_string().contains("hunter2"));
        assert!(!home.log().contains("hunter2"));
        nowhere_below(&home.state_dir());
        secrets.iter().for_each(|(name, _)| reset(cluster, name));
        cluster.sql("postgres", &format!("drop database {database}"));
        cluster.restart();
    });
}

fn nowhere_below(folder: &std::path::Path) {
    let mut seen = 0;
    for path in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        if path.is_dir() {
            nowhere_below(&path);
        } else {
            let content = std::fs::read(&path).unwrap();
            assert!(!String::from_utf8_lossy(&content).contains("hunter2"), "{}", path.display());
        }
        seen += 1;
    }
    assert!(seen > 0 || !folder.ends_with("settings"), "the comparison's file");
}

/// Another role sees another part of the settings: that is no change.
#[test]
fn a_role_that_sees_less_changes_nothing() {
    on_each_major(13, |cluster: &mut Cluster| {
        let home = home(cluster);
        let role = cluster.fresh_name("blind");
        cluster.sql("postgres", &format!("create role {role} login"));
        forced(&home, "pg_settings");
        let text = std::fs::read_to_string(home.config_path()).unwrap();
        let blind = text.replace("user = \"postgres\"", &format!("user = \"{role}\""));
        std::fs::write(home.config_path(), blind).unwrap();
        assert_eq!(home.run(&["--force"]).code, Some(1), "privileges are lacking");
        let batch = home.batches().pop().unwrap();
        let found = item(&batch, "pg_settings", None);
        let part = &found["parts"]["settings"];
        assert_eq!((&part["outcome"], &part["reason"]), (&"partial".into(), &"privilege".into()), "{part}");
        assert!(!names(found).contains(&"data_directory"), "{found:#}");
        assert!(found["changed"].is_null(), "{found:#}");
    });
}
