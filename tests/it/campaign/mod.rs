//! The campaign: runs of the real program, one fault after the other, and at the end the account. Every batch that was
//! ever sealed has arrived, or waits in the spool, or lies in reject/, or was counted as dropped. scripts/faults runs it
//! long; each run of the tests takes a sample, every fault once.

mod account;
mod evidence;
mod fault;
mod host;
mod inflict;
mod lane;
mod names;
mod receiver;
mod secrets;
mod told;
mod week;
mod witness;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fault::Fault;
use lane::Lane;

use crate::support::chance::Chance;
use crate::support::majors;

/// Of a run; short, as stalls last so long.
const RUN_S: u64 = 3;

/// How often each fault happened, as its injector tells, and how often it was tried.
type Fired = BTreeMap<Fault, (u32, u32)>;

#[test]
fn whatever_happens_no_sealed_batch_is_lost() {
    let wanted = |name: &str, otherwise: u64| {
        std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
    };
    let (seed, turns) = (Chance::seed_of_test(), wanted("PGA_CAMPAIGN_RUNS", 0));
    let minutes = wanted("PGA_CAMPAIGN_MINUTES", 5);
    let least = u32::try_from(wanted("PGA_CAMPAIGN_EACH", 1)).unwrap();
    // The other tests keep the disk busy, and a batch is synced before its run can end.
    let late = Duration::from_secs(if turns > 0 { 1 } else { 10 });
    let until = Instant::now() + Duration::from_secs(60 * minutes);
    let all = majors();
    let lanes: Vec<Lane> = std::thread::scope(|scope| {
        let lane = |number: usize| {
            let major = if number == 0 { all[0] } else { all[all.len() - 1] };
            move || {
                let mut lane = Lane::open(major, Chance::new(seed + number as u64), late);
                campaign(&mut lane, turns / LANES as u64, least.div_ceil(LANES as u32), until);
                lane
            }
        };
        let running: Vec<_> = (0..LANES).map(|number| scope.spawn(lane(number))).collect();
        running.into_iter().map(|lane| lane.join().unwrap()).collect()
    });
    report(&lanes, least);
}

/// Two at a time, each with a server, a receiver and a home of its own.
const LANES: usize = 2;

/// Every fault in an order of its own, again and again; after each, whatever the run left behind is gone on with.
fn campaign(lane: &mut Lane, runs: u64, rounds: u32, until: Instant) {
    let mut round = 0;
    while round < rounds || lane.runs < runs {
        for fault in lane.chance.shuffled(Fault::all()) {
            assert!(Instant::now() < until, "round {round}: the time is up after {} runs", lane.runs);
            lane.turn(fault);
            if lane.chance.below(4) == 0 {
                lane.turn(Fault::None);
            }
        }
        round += 1;
    }
    lane.heal();
}

fn report(lanes: &[Lane], least: u32) {
    let mut fired = Fired::new();
    for (fault, (happened, tried)) in lanes.iter().flat_map(|lane| &lane.fired) {
        let sum = fired.entry(*fault).or_default();
        *sum = (sum.0 + happened, sum.1 + tried);
    }
    for (fault, (happened, tried)) in &fired {
        println!("{:<55} {happened:>5} of {tried}", fault.name());
    }
    let runs: u64 = lanes.iter().map(|lane| lane.runs).sum();
    let accounts: Vec<_> = lanes.iter().map(Lane::account).collect();
    for account in &accounts {
        println!("{account}");
    }
    let table = told::table(&told::all(lanes));
    println!("{table}");
    if std::env::var_os("PGA_CAMPAIGN_WRITE").is_some() {
        told::write(lanes, &table);
    }
    let slowest = lanes.iter().flat_map(|lane| lane.slowest).max().unwrap_or_default();
    println!("{runs} runs, the longest took {} ms of its {} s", slowest.as_millis(), RUN_S);
    let rare: Vec<_> = fired.iter().filter(|(_, (happened, _))| *happened < least).collect();
    assert!(rare.is_empty(), "too rare, as its injector tells: {rare:?}");
    assert_eq!(fired.len(), Fault::all().len() + 1, "every fault had its turn");
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), fired.len() + 2, "a row for each, and one for none: {table}");
    assert!(rows.iter().all(|row| row.replace("\\|", "").matches('|').count() == 6), "{table}");
    accounts.iter().for_each(account::Account::assert_nothing_lost);
    lanes.iter().for_each(Lane::assert_in_time);
    lanes.iter().for_each(Lane::assert_no_secret);
}
