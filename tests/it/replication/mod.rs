//! Replication as it is: a primary, standbys that follow it or another, one whose replay is paused, a subscription, slots
//! in every state. What the items say is compared with what the servers' own views, functions and files say.

mod fields;
mod growth;
mod roles;
mod same;
mod scene;
mod slots;
mod standbys;
mod subscriptions;
mod trouble;
mod wal;
mod wraparound;

use scene::Scene;

use crate::support::majors;

/// One scene for each of the oldest and the newest server, as it takes its time to set up.
#[test]
fn what_is_said_of_replication_is_so() {
    let all = majors();
    let ends: std::collections::BTreeSet<u32> = [all[0], all[all.len() - 1]].into();
    std::thread::scope(|scope| {
        for major in ends {
            scope.spawn(move || check(&mut Scene::start(major)));
        }
    });
}

fn check(scene: &mut Scene) {
    let primary = slots::are_told_in_every_state(scene);
    standbys::are_told_by_the_primary(scene);
    let standby = standbys::tell_what_they_receive(scene);
    standbys::are_told_by_a_standby(scene);
    let databases = subscriptions::are_told_on_both_sides(scene);
    wal::is_what_lies_there(scene);
    growth::is_what_was_written_between_two_runs(scene);
    growth::is_not_told_across_a_promotion(scene);
    fields::are_all_there(scene, &primary, &standby, &databases);
    roles::tell_what_they_may(scene);
    trouble::is_listed(scene);
    wraparound::follows_the_server(scene);
}
