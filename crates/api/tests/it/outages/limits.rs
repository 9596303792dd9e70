//! The server has no room, the pool has no connection.

use bed::api::{Answer, Api};
use bed::cluster::shared;
use bed::majors;
use serde_json::Value;

use super::{HOLD, delivered, held, later};
use crate::stored::{days_ago, exactly, rich};

/// What a full disk, a full memory, too many connections are answered with; the server's own code stands for each.
#[test]
fn a_server_without_room_is_come_back_to() {
    for major in majors() {
        let server = shared(major);
        for code in ["53100", "53200", "58030"] {
            let database = server.fresh_database("full");
            let api = Api::start(server, &database, &[]);
            let (id, token) = api.register("one");
            server.sql(
                &database,
                &format!(
                    "create function full_up() returns trigger language plpgsql as \
                     $$begin raise exception 'no room' using errcode = '{code}'; end$$; \
                     create trigger full_up before insert on latest for each row execute function full_up()"
                ),
            );
            let batch = rich(&id, days_ago(0));
            for _ in 0..3 {
                later(&api.push(&token, &batch));
            }
            assert!(!api.push(&token, &batch).text.contains("no room"), "the server's words stay here");
            exactly(server, &database, 0);
            server.sql(&database, "drop function full_up cascade");
            assert!(!delivered(&api, &token, &batch), "{major}");
            exactly(server, &database, 1);
        }
    }
}

fn all_at_once(api: &Api, token: &str, batches: &[Value]) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let pushes: Vec<_> = batches.iter().map(|batch| scope.spawn(|| api.push(token, batch))).collect();
        pushes.into_iter().map(|push| push.join().unwrap()).collect()
    })
}

#[test]
fn more_pushes_than_connections_are_all_answered() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("pool");
    let api = Api::start(server, &database, &[("POOL_SIZE", "2")]);
    let (id, token) = api.register("one");
    let batches: Vec<Value> = (0..12).map(|_| rich(&id, days_ago(0))).collect();
    for answer in all_at_once(&api, &token, &batches) {
        assert_eq!(answer.status, 200, "they take turns: {answer:?}");
    }
    exactly(server, &database, 12);

    // Both connections are held up: the others are told to come again, and those two end when they can.
    let batches: Vec<Value> = (0..12).map(|_| rich(&id, days_ago(0))).collect();
    let mut holder = server.conn(&database);
    holder.batch_execute(HOLD).unwrap();
    let answers = std::thread::scope(|scope| {
        let pushes: Vec<_> = batches.iter().map(|batch| scope.spawn(|| api.push(&token, batch))).collect();
        held(server, &database);
        bed::poll::eventually(bed::poll::LONG, || match pushes.iter().filter(|p| p.is_finished()).count() {
            10 => Ok(()),
            other => Err(other),
        });
        holder.batch_execute("commit").unwrap();
        pushes.into_iter().map(|push| push.join().unwrap()).collect::<Vec<_>>()
    });
    let (served, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((served.len(), refused.len()), (2, 10), "{answers:?}");
    refused.into_iter().for_each(later);
    assert!(api.log().contains("no connection of the pool came free"), "{}", api.log());
    exactly(server, &database, 14);
    assert_eq!(batches.iter().filter(|batch| delivered(&api, &token, batch)).count(), 2);
    exactly(server, &database, 24);
}
