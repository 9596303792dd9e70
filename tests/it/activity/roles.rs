//! A role without privileges is told less, and what it lacks.

use serde_json::json;

use super::{held, of};
use crate::cycle::item::{cycle, item, rows};
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::majors;

fn home_of(server: &Cluster, role: &str) -> Home {
    let home = super::home(server, "postgres");
    let text = std::fs::read_to_string(home.config_path()).unwrap();
    home.config(&text.replace("user = \"postgres\"", &format!("user = \"{role}\"")));
    home
}

#[test]
fn what_a_role_is_told() {
    for major in majors() {
        let server = Cluster::start(major, &[("autovacuum", "off")]);
        server.sql(
            "postgres",
            "create role mon login in role pg_monitor; create role nobody login; create table t (a int)",
        );
        let holder = held(&server, "postgres", &["begin", "lock table t in access exclusive mode"]);
        let blocked = held(&server, "postgres", &[]).enters("select a from t").waits(&server);
        let home = home_of(&server, "mon");
        let batch = cycle(&home, &["cron"]);
        assert_eq!(of(&batch, "pg_connections", "idle_transactions", "pid", holder.pid)["user"], "postgres");
        assert!(item(&batch, "pg_connections", None).get("hidden").is_none());
        assert_eq!(
            of(&batch, "pg_locks", "lock_wait_chains", "blocked_pid", blocked.pid)["blocked_query"],
            "select a from t"
        );

        let home = home_of(&server, "nobody");
        let run = home.cron();
        assert_eq!(run.code, Some(1), "a privilege that pg_monitor would give: {}", run.stderr);
        assert!(!server.log_text().contains("ERROR:  permission denied"), "nothing was sent that must fail");
        let batch = home.batches().pop().unwrap();
        for kind in ["pg_connections", "pg_locks", "pg_xmin", "pg_progress"] {
            let parts = item(&batch, kind, None)["parts"].as_object().unwrap();
            assert!(
                parts.values().all(|p| p["outcome"] == "partial" && p["reason"] == "privilege"),
                "{major} {kind}: {parts:?}"
            );
        }
        let found = item(&batch, "pg_connections", None);
        assert_eq!((&found["total"], &found["hidden"]), (&json!(2), &json!(2)), "{major}: {found:#}");
        assert_eq!((&found["idle_transactions"], &found["by_state"]), (&json!([]), &json!({"unknown": 2})));
        let row = of(&batch, "pg_locks", "lock_wait_chains", "blocked_pid", blocked.pid);
        assert_eq!((&row["blocking_pid"], &row["depth"]), (&json!(holder.pid), &json!(1)));
        assert!(row.get("blocked_query").is_none() && row.get("blocking_query").is_none(), "{row:#}");
        assert!(!rows(item(&batch, "pg_locks", None), "active_locks").is_empty());
        assert!(!batch.to_string().contains("insufficient privilege"));
        drop(holder);
        blocked.ends().unwrap();
    }
}
