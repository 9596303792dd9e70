//! Requests by the thousand, made of the description and then spoilt: whatever is asked is answered, as it is described,
//! and neither the answer nor the log tells of the database, of SQL, or a secret.
//!
//! `scripts/fuzz-api` asks more of them. The seed and a request's number say what it was; ids and tokens are each run's own.

mod line;
mod request;
mod spoil;
mod value;
mod verdict;
mod world;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use fastrand::Rng;

use line::Line;
use verdict::{Fault, judge};
use world::World;

const CONNECTIONS: usize = 4;
/// Of more than so many faults nobody reads.
const FAULTS: usize = 12;

fn told<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// How often each route was answered with which status.
type Answered = BTreeMap<String, BTreeMap<u16, u64>>;

#[test]
fn whatever_is_asked_is_answered_as_described() {
    let requests = told("PGA_FUZZ_REQUESTS").unwrap_or(2000);
    let seed = told("PGA_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("{requests} requests of seed {seed}");
    let world = World::start(requests);
    verdict::catches_what_must_not_be(&world);
    let started = Instant::now();
    let (answered, faults) = run(&world, requests, seed);
    println!("{:.0} a second; by route and status:", requests as f64 / started.elapsed().as_secs_f64());
    answered.iter().for_each(|(route, statuses)| println!("{route}: {statuses:?}"));
    let faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
    assert!(faults.is_empty(), "seed {seed}:\n{}\n{}", faults.join("\n"), world.failures());
    world.is_well();
    // Otherwise only doors were knocked at.
    let served = |name: &String| answered.get(name).is_some_and(|all| all.keys().any(|status| *status < 300));
    let names = world.operations.iter().map(|one| one.name());
    let never: Vec<String> = names.filter(|name| !served(name)).collect();
    assert!(never.is_empty(), "never served: {never:?}; seed {seed}");
}

fn run(world: &World, requests: u64, seed: u64) -> (Answered, Vec<Fault>) {
    let (next, answered, faults) = (AtomicU64::new(0), Mutex::default(), Mutex::new(Vec::new()));
    let work = || {
        let mut line = Line::to(world.grid.api.port());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= requests || faults.lock().unwrap().len() >= FAULTS {
                break;
            }
            if let Err(fault) = ask(world, &mut line, seed, number, &answered) {
                faults.lock().unwrap().push(fault);
            }
        }
    };
    std::thread::scope(|scope| (0..CONNECTIONS).for_each(|_| drop(scope.spawn(work))));
    (answered.into_inner().unwrap(), faults.into_inner().unwrap())
}

fn ask(
    world: &World,
    line: &mut Line,
    seed: u64,
    number: u64,
    answered: &Mutex<Answered>,
) -> Result<(), Fault> {
    let mut dice = Rng::with_seed(seed.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    let request = request::make(world, number, &mut dice);
    let answer = line.ask(&request.bytes, request.method == "HEAD");
    if let Ok(answer) = &answer {
        let mut answered = answered.lock().unwrap();
        let route = request.route.map_or(verdict::ELSEWHERE.to_owned(), |at| world.operations[at].name());
        *answered.entry(route).or_default().entry(answer.status).or_default() += 1;
    }
    judge(world, &request, answer).map_err(|why| Fault { number, why, request })
}
