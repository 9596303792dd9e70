//! Texts of statements leave once. Where the batch that had them is gone, or the store that knew them, they come again:
//! after two further cycles there is a text for every statement that has rows.

use super::for_each_major;
use super::scene::{self, Scene};
use crate::support::cluster::{Cluster, shared};
use crate::support::poll::{LONG, eventually};

const DATABASES: usize = 2;
/// In each of them.
const STATEMENTS: usize = 20;

/// A server with statements, a collector that watches it, and the store.
struct Bed {
    server: &'static Cluster,
    databases: Vec<String>,
    scene: Scene,
}

impl Bed {
    fn new(server: &'static Cluster, more: &str) -> Bed {
        let databases: Vec<String> = (0..DATABASES).map(|_| server.fresh_database("watched")).collect();
        server.sql(&databases[0], "create extension pg_stat_statements");
        let names: Vec<&str> = databases.iter().map(String::as_str).collect();
        let scene = Scene::start(server, &format!("{}{more}", scene::cheap(server, &names)));
        Bed { server, databases, scene }
    }

    /// Statements that nobody else has; the same ones each time. From 18 on their ids go by the names of tables.
    fn ask(&self, table: &str) {
        for (place, database) in self.databases.iter().enumerate() {
            let table = format!("{table}_{place}");
            let select = |n: usize| {
                let columns: Vec<String> = (0..=n).map(|n| format!("a as a{n}")).collect();
                format!("select {} from {table};", columns.join(", "))
            };
            let text: String = (0..STATEMENTS).map(select).collect();
            self.server.sql(database, &format!("create table if not exists {table} (a int); {text}"));
        }
    }

    /// Statements with rows, and those of them without a text.
    fn stored(&self) -> (i64, i64) {
        let sql = "select count(*), count(*) filter (where t.hash is null) \
                   from (select distinct collector_id, server, hash from query_stats) q \
                   left join query_texts t using (collector_id, server, hash)";
        let row = self.server.conn(&self.scene.database).query_one(sql, &[]).unwrap();
        (row.get(0), row.get(1))
    }

    /// None lacks its text.
    #[track_caller]
    fn whole(&self, at_least: usize) {
        let (statements, lacking) = self.stored();
        assert!(statements >= at_least as i64 && lacking == 0, "{lacking} of {statements} lack a text");
    }

    /// Statements of this table that have a text.
    fn texts_of(&self, table: &str) -> i64 {
        let sql = format!("select count(*) from query_texts where text like '% from {table}\\__'");
        self.server.one(&self.scene.database, &sql)
    }
}

#[test]
fn a_text_that_was_trimmed_with_its_batch_comes_again() {
    for_each_major(trimmed);
}

fn trimmed(major: u32) {
    // Two of such batches are more than the spool may hold.
    let noise = "[spool]\nmax_bytes = 65536\n[[custom]]\nname = \"noise\"\nmax_rows = 1000\ninterval = 1\n\
                 sql = \"select md5(random()::text) || md5(random()::text) || md5(random()::text) as n from generate_series(1, 900)\"\n";
    let mut bed = Bed::new(shared(major), noise);
    bed.scene.api.kill9();
    bed.ask("early");
    bed.scene.run(&["cron", "--force"], 1);
    let first = bed.scene.sealed().remove(0).to_string();
    assert_eq!(first.matches(" from early_").count(), DATABASES * STATEMENTS, "{major}");
    bed.ask("early");
    bed.scene.run(&["cron", "--force"], 1);
    let left = bed.scene.sealed();
    assert_eq!((left.len(), &left[0]["sequence"]), (1, &2.into()), "{major}: the first was trimmed");
    assert!(!left[0].to_string().contains(" from early"), "{major}: their texts went with it");

    bed.scene.api.launch();
    bed.scene.api.healthy();
    bed.scene.run(&["spool", "flush"], 0);
    let (_, lacking) = bed.stored();
    assert!(lacking >= (DATABASES * STATEMENTS) as i64, "{major}: {lacking}: they are missed");
    for _ in 0..2 {
        bed.scene.run(&["cron", "--force"], 0);
    }
    let sequences = "select array_agg(sequence order by sequence) from batches";
    assert_eq!(bed.server.one::<Vec<i64>>(&bed.scene.database, sequences), [2, 3, 4], "{major}");
    bed.whole(DATABASES * STATEMENTS);
    assert_eq!(bed.texts_of("early"), (DATABASES * STATEMENTS) as i64, "{major}");
}

#[test]
fn a_store_that_was_restored_from_an_older_backup_gets_its_texts_again() {
    for_each_major(|major| {
        restored(major, true);
        restored(major, false);
    });
}

fn restored(major: u32, restart: bool) {
    let mut bed = Bed::new(shared(major), "");
    bed.ask("early");
    bed.scene.cron(0);
    let backup = bed.server.fresh_name("backup");
    bed.scene.api.kill9();
    alone(bed.server, &format!("create database {backup} template {}", bed.scene.database));
    bed.scene.api.launch();
    bed.scene.api.healthy();

    bed.ask("late");
    bed.scene.cron(0);
    bed.whole(2 * DATABASES * STATEMENTS);
    if restart {
        bed.scene.api.kill9();
    }
    restore(bed.server, &bed.scene.database, &backup);
    if restart {
        bed.scene.api.launch();
    }
    bed.scene.api.healthy();
    assert_eq!((bed.texts_of("early"), bed.texts_of("late")), ((DATABASES * STATEMENTS) as i64, 0));

    bed.ask("late");
    bed.scene.cron(0);
    let (_, lacking) = bed.stored();
    assert!(lacking >= (DATABASES * STATEMENTS) as i64, "{major}: {lacking}: they are missed");
    bed.scene.cron(0);
    bed.whole(2 * DATABASES * STATEMENTS);
    assert_eq!(bed.texts_of("late"), (DATABASES * STATEMENTS) as i64, "{major}");
}

/// The backup takes the place of the database, whoever is connected.
fn restore(server: &Cluster, database: &str, backup: &str) {
    server.sql("postgres", &format!("alter database {database} allow_connections false"));
    alone(server, &format!("alter database {database} rename to {database}_gone"));
    alone(server, &format!("alter database {backup} rename to {database}"));
}

/// What takes a database that nobody uses.
fn alone(server: &Cluster, sql: &str) {
    let closed = "select pg_terminate_backend(pid) from pg_stat_activity a join pg_database d on d.oid = a.datid \
                  where not d.datallowconn";
    eventually(LONG, || {
        server.sql("postgres", closed);
        server.conn("postgres").batch_execute(sql).map_err(|e| format!("{sql}: {e:?}"))
    });
}
