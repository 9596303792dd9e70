//! Between this program and its database.

use std::net::{Ipv4Addr, SocketAddr};

use bed::api::{Api, url};
use bed::cluster::{Cluster, shared};
use bed::majors;
use bed::proxy::{Mode, Proxy};

use super::{delivered, figure, health, later};
use crate::stored::{days_ago, exactly, rich};

/// A backend with one connection, through a proxy.
fn through(server: &Cluster, database: &str) -> (Proxy, Api) {
    let proxy = Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, server.port())));
    let direct = url(server.port(), database);
    let settings = [("POOL_SIZE", "1"), ("DIRECT_DATABASE_URL", direct.as_str())];
    let mut api = Api::prepare(&url(proxy.port(), database), &settings);
    api.launch();
    api.healthy();
    (proxy, api)
}

/// Wherever in the server's answers the connection is cut, the batch is there once and whole after it was repeated; and
/// where the commit had happened unheard, the repetition says so.
#[test]
fn a_connection_that_is_cut_anywhere_costs_a_repetition() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("cut");
        let (proxy, api) = through(server, &database);
        let (id, token) = api.register("one");
        assert!(!delivered(&api, &token, &rich(&id, days_ago(0))));
        let before = proxy.bytes_from_server();
        assert!(!delivered(&api, &token, &rich(&id, days_ago(0))));
        let whole = proxy.bytes_from_server() - before;
        assert!(whole > 200, "a push takes {whole} bytes of answers");
        let places: Vec<u64> = (0..whole - 12).step_by(29).chain(whole - 12..whole).collect();
        let (mut unheard, mut refused) = (0, 0);
        for &place in &places {
            let batch = rich(&id, days_ago(0));
            proxy.set(Mode::CutAfter(place));
            let answer = api.push(&token, &batch);
            proxy.set(Mode::Forward);
            if answer.status == 200 {
                // Looked up first on a new connection, it takes another way.
                assert!(delivered(&api, &token, &batch));
                continue;
            }
            later(&answer);
            refused += 1;
            unheard += usize::from(delivered(&api, &token, &batch));
            // So that the next begins on a connection that is warm.
            assert!(delivered(&api, &token, &batch));
        }
        exactly(server, &database, 2 + places.len() as i64);
        let cuts = proxy.faults().iter().filter(|fault| fault.contains("cut after")).count();
        assert!(cuts >= refused && refused >= places.len() - 12, "{cuts} cuts, {refused} refused");
        assert!(unheard > 0, "{major}: a commit whose answer was lost is among them");
        assert!(refused > unheard, "{major}");
    }
}

/// A server that accepts and never answers: everybody is told so in time, nothing is stuck afterwards.
#[test]
fn a_network_that_swallows_everything_holds_nobody_for_ever() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("stall");
    let (proxy, api) = through(server, &database);
    let (id, token) = api.register("one");
    assert!(!delivered(&api, &token, &rich(&id, days_ago(0))));
    let batch = rich(&id, days_ago(0));
    // In the middle of the push; its connection is the only one.
    proxy.set(Mode::StallAfter(150));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| api.push(&token, &batch));
        bed::poll::eventually(bed::poll::LONG, || match proxy.faults().last() {
            Some(fault) if fault.contains("stalled after its bytes") => Ok(()),
            other => Err(other.cloned()),
        });
        health(&api, 503, "degraded");
        // These wait for a connection in vain.
        for _ in 0..5 {
            later(&api.push(&token, &rich(&id, days_ago(0))));
        }
        assert_eq!(figure(&api, "pganalytics_circuit_breaker_state"), 1.0, "{}", api.log());
        later(&first.join().unwrap());
    });
    assert!(api.log().contains("no answer within"), "{}", api.log());
    proxy.set(Mode::Stall);
    later(&api.push(&token, &batch));
    proxy.set(Mode::Forward);
    health(&api, 200, "healthy");
    assert!(!delivered(&api, &token, &batch), "the server gave it up with the connection");
    exactly(server, &database, 2);
    assert_eq!(figure(&api, "pganalytics_circuit_breaker_state"), 0.0);
}

/// Nobody listens, new connections are reset: told at once, and over at once.
#[test]
fn a_port_that_refuses_is_asked_again() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("refuse");
    let (proxy, api) = through(server, &database);
    let (id, token) = api.register("one");
    for mode in [Mode::Refuse, Mode::Reset] {
        let batch = rich(&id, days_ago(0));
        proxy.set(Mode::CutAfter(0));
        bed::poll::eventually(bed::poll::LONG, || match api.push(&token, &batch) {
            answer if answer.status == 503 => Ok(()),
            other => Err(other),
        });
        proxy.set(mode);
        later(&api.push(&token, &batch));
        health(&api, 503, "degraded");
        proxy.set(Mode::Forward);
        health(&api, 200, "healthy");
        delivered(&api, &token, &batch);
        assert!(delivered(&api, &token, &batch));
    }
    exactly(server, &database, 2);
}
