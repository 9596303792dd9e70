//! This program itself is killed.

use std::sync::atomic::{AtomicUsize, Ordering};

use bed::api::Api;
use bed::cluster::shared;
use bed::majors;
use bed::poll::{LONG, eventually};

use super::{HOLD, delivered, held, try_push};
use crate::stored::{days_ago, exactly, rich};

#[test]
fn killed_in_mid_push_it_leaves_nothing_of_it() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("killed");
        let mut api = Api::start(server, &database, &[]);
        let (id, token) = api.register("one");
        let batch = rich(&id, days_ago(0));
        let mut holder = server.conn(&database);
        holder.batch_execute(HOLD).unwrap();
        let url = api.url();
        std::thread::scope(|scope| {
            let push = scope.spawn(|| try_push(&url, &token, &batch));
            held(server, &database);
            api.kill9();
            assert!(push.join().unwrap().is_err(), "nobody answered");
        });
        holder.batch_execute("commit").unwrap();
        let open =
            format!("select count(*) from pg_stat_activity where datname = '{database}' and state <> 'idle'");
        eventually(LONG, || match server.one::<i64>("postgres", &open) {
            0 => Ok(()),
            other => Err(other),
        });
        exactly(server, &database, 0);
        api.launch();
        api.healthy();
        assert!(!delivered(&api, &token, &batch), "{major}");
        assert!(delivered(&api, &token, &batch), "{major}");
        exactly(server, &database, 1);
    }
}

/// Of two replicas one is killed again and again; what it did not acknowledge goes to whichever answers.
#[test]
fn every_batch_is_there_once_whoever_is_killed() {
    const THREADS: usize = 4;
    const EACH: usize = 25;
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("kills");
        let steady = Api::start(server, &database, &[]);
        let mut victim = Api::start(server, &database, &[]);
        let (id, token) = steady.register("one");
        let (sent, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let address = victim.url();
        let acknowledged = std::thread::scope(|scope| {
            let pushers: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| {
                        let mut unheard = 0;
                        for _ in 0..EACH {
                            let batch = rich(&id, days_ago(0));
                            sent.fetch_add(1, Ordering::Relaxed);
                            let answer = try_push(&address, &token, &batch);
                            let heard = answer.is_ok_and(|answer| answer.status == 200);
                            let there = delivered(&steady, &token, &batch);
                            assert!(there || !heard, "what was acknowledged is there");
                            unheard += usize::from(!heard);
                        }
                        done.fetch_add(1, Ordering::Relaxed);
                        unheard
                    })
                })
                .collect();
            for at in [10, 30, 50, 70] {
                while sent.load(Ordering::Relaxed) < at && done.load(Ordering::Relaxed) < THREADS {
                    std::thread::yield_now();
                }
                victim.kill9();
                victim.launch();
                victim.healthy();
            }
            pushers.into_iter().map(|pusher| pusher.join().unwrap()).sum::<usize>()
        });
        assert!(acknowledged > 0, "{major}: some were cut off");
        exactly(server, &database, (THREADS * EACH) as i64);
    }
}
