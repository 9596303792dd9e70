//! The backend, and its database, are killed while a batch is being stored. The collector keeps it, and all that come
//! after, until somebody acknowledges.

use super::for_each_major;
use super::scene::{self, Scene};
use super::stored::{all_of, each_once};
use crate::support::cluster::{Cluster, shared};
use crate::support::poll::{LONG, eventually};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Victim {
    Backend,
    Database,
}

#[test]
fn a_batch_whose_backend_or_database_is_killed_under_it_is_there_once() {
    for_each_major(check);
}

fn check(major: u32) {
    let mut store = Cluster::start(major, &[("fsync", "on"), ("synchronous_commit", "on")]);
    let watched = shared(major);
    let database = watched.fresh_database("watched");
    watched.sql(&database, "create table t as select n, n::text as v from generate_series(1, 100) n");
    let mut scene = Scene::start(&store, &scene::cheap(watched, &[&database]));
    let (mut sent, mut batches) = (Vec::new(), 0);
    for victim in [Victim::Backend, Victim::Database, Victim::Database, Victim::Backend] {
        killed(&mut store, &mut scene, victim);
        // It is away for one more run.
        scene.time_passes();
        scene.cron(1);
        sent.extend(scene.sealed());
        assert_eq!(scene.home.spool_files().len(), 2, "{major}: {victim:?}");

        recovered(&mut store, &mut scene, victim);
        each_once(&store, &scene, batches);
        scene.time_passes();
        scene.cron(0);
        assert!(scene.home.spool_files().is_empty());
        batches += 3;
        each_once(&store, &scene, batches);
    }
    assert_eq!(sent.len(), 8);
    all_of(&store, &scene, &sent);
}

/// In the middle of a push, which a lock holds where everything but its end is written.
fn killed(store: &mut Cluster, scene: &mut Scene, victim: Victim) {
    let mut holder = store.conn(&scene.database);
    holder.batch_execute("begin; lock table latest in exclusive mode").unwrap();
    let run = scene.home.spawn(&["cron"]);
    let waits = "select count(*) from pg_locks where not granted and relation = 'latest'::regclass";
    eventually(LONG, || match store.one::<i64>(&scene.database, waits) {
        1 => Ok(()),
        waiting => Err((waiting, scene.home.log())),
    });
    match victim {
        Victim::Backend => scene.api.kill9(),
        Victim::Database => store.kill9(),
    }
    let run = run.wait(LONG);
    assert_eq!(run.code, Some(1), "{victim:?}: {}{}", run.stderr, scene.home.log());
    assert_eq!(scene.home.spool_files().len(), 1);
}

/// Nothing of the push is under way any more.
fn recovered(store: &mut Cluster, scene: &mut Scene, victim: Victim) {
    match victim {
        Victim::Backend => scene.api.launch(),
        Victim::Database => store.restart(),
    }
    scene.api.healthy();
    let open = format!(
        "select count(*) from pg_stat_activity where datname = '{}' and state <> 'idle'",
        scene.database
    );
    eventually(LONG, || match store.one::<i64>("postgres", &open) {
        0 => Ok(()),
        open => Err(open),
    });
}
