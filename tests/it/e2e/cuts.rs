//! The network between the two closes at every place of an answer: what was stored and never acknowledged comes again, and
//! is known.

use super::for_each_major;
use super::scene::{self, Scene};
use super::stored::each_once;
use crate::support::cluster::shared;
use crate::support::proxy::{Mode, Proxy};

const ROUNDS: u64 = 6;

#[test]
fn a_batch_whose_acknowledgement_was_cut_off_is_there_once() {
    for_each_major(check);
}

fn check(major: u32) {
    let server = shared(major);
    let database = server.fresh_database("watched");
    let scene = Scene::start(server, &scene::cheap(server, &[&database]));
    let proxy = Proxy::start(([127, 0, 0, 1], scene.api.port()).into());
    scene.push_to(&format!("http://127.0.0.1:{}", proxy.port()));
    let stored = || server.one::<i64>(&scene.database, "select count(*) from batches");
    let (mut runs, mut cut, mut unheard) = (0, 0, 0);
    for round in 0..ROUNDS {
        // A third failure in a row would open the breaker.
        for place in [2 * round, 2 * round + 1] {
            let before = stored();
            proxy.set(Mode::CutAfter(place * 37));
            scene.cron(1);
            (runs, cut) = (runs + 1, cut + 1);
            unheard += i64::from(stored() > before);
            assert_eq!(scene.home.spool_files().len() as u64, place % 2 + 1, "{major}");
        }
        proxy.set(Mode::Forward);
        scene.cron(0);
        runs += 1;
        assert!(scene.home.spool_files().is_empty());
        each_once(server, &scene, runs);
    }
    let faults = proxy.faults();
    assert_eq!(faults.iter().filter(|fault| fault.contains("cut after")).count(), cut, "{faults:?}");
    assert!(unheard >= ROUNDS as i64, "{unheard} of {cut} were stored and not acknowledged");
}
