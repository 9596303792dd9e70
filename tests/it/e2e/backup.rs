//! The commands of docs/BACKUP.md, on a backend that runs: dumped, lost, restored, and pushed to again.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use super::scene::{self, Scene};
use crate::docs::block::{self, Run};
use crate::support::api;
use crate::support::cluster::{Cluster, shared};
use crate::support::majors;

struct Operator<'a> {
    store: &'a Cluster,
    database: &'a str,
    dir: tempfile::TempDir,
}

impl Operator<'_> {
    /// One block, as it stands in the document; what it prints.
    #[track_caller]
    fn types(&self, block: &str) -> String {
        let tree = ::bed::top().join(format!("target/pg/{}", self.store.major));
        let url = |database: &str| api::url(self.store.port(), database);
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", block])
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", tree.join("bin").display()))
            .env("LD_LIBRARY_PATH", tree.join("lib"))
            .env("DIRECT_DATABASE_URL", url(self.database))
            .env("ADMIN_URL", url("postgres"))
            .env("RESTORED_URL", url("pganalytics_restored"))
            .env("OWNER", "postgres")
            .env("DATABASE", self.database)
            .current_dir(self.dir.path())
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{block}\n{out}{err}");
        out.into_owned()
    }
}

/// Every table of the store with its rows, and a digest of them.
fn contents(store: &Cluster, database: &str) -> BTreeMap<String, (i64, Option<String>)> {
    let mut client = store.conn(database);
    let tables = client.query("select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition", &[]);
    let tables: Vec<String> = tables.unwrap().iter().map(|row| row.get(0)).collect();
    let mut look = |table: String| {
        let digest =
            format!("select count(*), md5(string_agg(t::text, E'\\n' order by t::text)) from {table} t");
        let row = client.query_one(&digest, &[]).unwrap();
        (table, (row.get(0), row.get(1)))
    };
    tables.into_iter().map(&mut look).collect()
}

#[test]
fn a_dump_is_restored_and_pushes_go_on() {
    let document = fs::read_to_string(::bed::top().join("docs/BACKUP.md")).unwrap();
    let ours = Run::By("tests/it/e2e/backup.rs".to_owned());
    let blocks: Vec<String> =
        block::all(&document, "sh").into_iter().filter(|b| b.run == ours).map(|b| b.text).collect();
    let [dump, restore, exchange] = &blocks[..] else { panic!("{} blocks", blocks.len()) };

    let major = *majors().last().unwrap();
    let store = Cluster::start(major, &[]);
    let watched = shared(major);
    let database = watched.fresh_database("watched");
    watched.sql(&database, "create extension pg_stat_statements; create table t as select n from generate_series(1, 100) n; select count(*) from t");
    let scene = Scene::start(&store, &scene::cheap(watched, &[&database]));
    for _ in 0..3 {
        scene.cron(0);
    }
    let operator = Operator { store: &store, database: &scene.database, dir: tempfile::tempdir().unwrap() };
    let kept = contents(&store, &scene.database);
    assert!(kept["batches"].0 == 3 && kept["query_stats"].0 > 0 && kept["query_texts"].0 > 0, "{kept:?}");
    let listed: i64 = operator.types(dump).trim().parse().unwrap();
    assert!(listed > 10, "{listed}");

    // What comes later is not in it.
    for _ in 0..2 {
        scene.cron(0);
    }
    let said = operator.types(restore);
    assert_eq!(said.lines().last().unwrap(), kept["metrics"].0.to_string());
    assert_eq!(contents(&store, "pganalytics_restored"), kept, "the same to the last field");

    operator.types(exchange);
    // The replica was running all the while. It finds the other database at its next connection.
    crate::support::poll::eventually(crate::support::poll::LONG, || {
        match scene.api.get("/api/v1/metrics?limit=1000", Some(&scene.token())) {
            answer if answer.status == 200 => Ok(()),
            answer => Err(answer),
        }
    });
    for _ in 0..2 {
        scene.time_passes();
        scene.cron(0);
    }
    assert!(scene.home.spool_files().is_empty());
    let sequences = "select array_agg(sequence order by sequence) from batches";
    assert_eq!(store.one::<Vec<i64>>(&scene.database, sequences), [1, 2, 3, 6, 7]);
    let texts = "select count(*) from query_stats q where texted and not exists (select from query_texts t where t.collector_id = q.collector_id and t.server = q.server and t.hash = q.hash)";
    assert_eq!(store.one::<i64>(&scene.database, texts), 0, "{}", scene.api.log());
}
