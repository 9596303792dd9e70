//! All that was planted is found, the worst first, and nothing else.

use pganalytics::findings::RULES;
use serde_json::Value;

use super::scene::Scene;
use super::{fits, found, of, says};
use crate::support::home::Run;
use crate::support::majors;

const EXPECTED: [(&str, &str); 9] = [
    ("CRITICAL", "Sequence nearly exhausted"),
    ("WARNING", "Database cannot be asked"),
    ("WARNING", "Unused replication slot retains WAL"),
    ("WARNING", "Session blocks others"),
    ("WARNING", "Invalid index"),
    ("WARNING", "Table is not vacuumed"),
    ("NOTICE", "Table is bloated"),
    ("NOTICE", "Hot statement"),
    ("NOTICE", "Settings wait for a restart"),
];

#[test]
fn what_was_planted_is_found_in_order_and_nothing_else() {
    for major in majors() {
        let scene = Scene::planted(major);
        scene.ripe();
        let run = scene.home.run(&["report"]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(1), ""), "{major}: {}", run.stdout);
        assert_eq!(found(&run), EXPECTED, "{major}:\n{}", run.stdout);
        fits(&run);
        figures(&run);
        leaves_nothing(&scene);
        if major == 18 && std::env::var_os("BLESS").is_some() {
            bless(&scene);
        }
        let again = scene.home.run(&["report"]);
        assert_eq!(found(&again), EXPECTED, "it has changed nothing");
        mend(&scene, &run);
    }
}

fn figures(run: &Run) {
    let sequence = of(run, "Sequence nearly exhausted");
    assert!(
        sequence.contains("main / app public.orders_id_seq of orders.id 99.97 % used, 483,647 values left"),
        "{sequence}"
    );
    assert!(
        sequence.contains("alter table \"public\".\"orders\" alter column \"id\" type bigint;"),
        "{sequence}"
    );
    assert!(of(run, "Database cannot be asked").contains("main / closed"), "{}", run.stdout);
    let slot = of(run, "Unused replication slot retains WAL");
    assert!(slot.contains("left_behind ") && slot.contains("MB of WAL, unused"), "{slot}");
    let blocker = of(run, "Session blocks others");
    assert!(blocker.contains("(postgres, batch job; idle in transaction) 1 session waiting"), "{blocker}");
    assert!(of(run, "Invalid index").contains("public.twice_a on twice, "), "{}", run.stdout);
    let bloat = of(run, "Table is bloated");
    assert!(bloat.contains("public.fat about ") && bloat.contains("990,000 dead rows"), "{bloat}");
    let hot = of(run, "Hot statement");
    assert!(hot.contains("select pg_sleep($1) ") && hot.contains("1 call, 12"), "{hot}");
    assert!(of(run, "Settings wait for a restart").contains("1 setting: max_connections"), "{}", run.stdout);
    says(run, "unused indexes of app: 1 index without a scan (2");
    says(run, "statistics count since");
    says(run, "Collected just now from 1 server.");
}

/// No ledger, no lock, no log, no spool.
fn leaves_nothing(scene: &Scene) {
    let left: Vec<_> = std::fs::read_dir(scene.home.state_dir()).unwrap().collect();
    assert!(left.is_empty() && !scene.home.log_path().exists(), "{left:?}");
}

/// What it proposes works as it stands.
fn mend(scene: &Scene, run: &Run) {
    let statements = |what: &str| -> Vec<String> {
        let mut lines = run.stdout.lines().skip_while(|line| !line.contains(&format!(". {what} "))).skip(1);
        let block = lines.by_ref().take_while(|line| line.starts_with("     "));
        let sql: Vec<&str> = block.filter_map(|line| line.strip_prefix("        ")).collect();
        sql.join(" ").split_inclusive(';').map(|s| s.trim().to_owned()).collect()
    };
    for what in ["Session blocks others", "Sequence nearly exhausted", "Table is bloated"] {
        let all = statements(what);
        assert!(!all.is_empty(), "{what} proposes nothing:\n{}", run.stdout);
        all.iter().for_each(|sql| scene.server.sql("app", sql));
    }
    scene.server.sql("app", "truncate twice");
    for what in ["Invalid index", "Unused replication slot retains WAL"] {
        statements(what).iter().for_each(|sql| scene.server.sql("app", sql));
    }
    let left = scene.home.run(&["report"]);
    let whats: Vec<&str> = found(&left).into_iter().map(|(_, what)| what).collect();
    assert_eq!(
        whats,
        ["Database cannot be asked", "Hot statement", "Settings wait for a restart"],
        "{}",
        left.stdout
    );
}

const FIXTURE: &str = "src/findings/fixtures/batch.json";

/// The items as the rules' own tests want them, with nothing of this machine in them.
fn bless(scene: &Scene) {
    let run = scene.home.run(&["--dry-run", "--force"]);
    let mut batch: Value = serde_json::from_str(&run.stdout).unwrap();
    let items = batch["metrics"].as_array_mut().unwrap();
    items.retain(|item| RULES.iter().any(|rule| item["type"] == rule.reads) || item["type"] == "pg_progress");
    for item in items {
        for list in ["filesystems", "places"] {
            if let Some(rows) = item[list].as_array_mut() {
                rows.truncate(1);
                for row in rows {
                    row["mount"] = "/".into();
                    row["device"] = "/dev/vda".into();
                    row["path"] = "/data".into();
                }
            }
        }
        item.as_object_mut()
            .unwrap()
            .retain(|key, _| !["settings", "role_settings", "servers"].contains(&&**key));
    }
    std::fs::write(FIXTURE, format!("{}\n", serde_json::to_string_pretty(&batch).unwrap())).unwrap();
}
