//! A week of waiting batches, one a minute: the backend is back, and they go out in order, over as many runs as it takes,
//! while each of these runs still collects.

use std::io::Write;
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;
use pganalytics::batch::inflate;
use pganalytics::spool::Spool;
use pganalytics::state::{StateDir, ledger};

use super::RUN_S;
use crate::support::cluster::shared;
use crate::support::home::Home;
use crate::support::majors;
use crate::support::stub::{Answer, Stub};

/// What a week may add to a run that has nothing to send. A release takes some 11 MB for that, so it stays below the 32 MB that
/// are promised; the program under test maps twice as much, being a debug build.
const ADDED: u64 = 20 << 20;

#[test]
fn a_week_of_batches_goes_out_in_order_and_no_minute_is_missed() {
    let waiting: u64 = std::env::var("PGA_CAMPAIGN_SPOOL").map_or(300, |text| text.parse().unwrap());
    let home = Home::new();
    configure(&home, "http://127.0.0.1:9");
    assert_eq!(home.cron().code, Some(1), "nobody takes it");
    let known = || ledger::read(&home.state_dir().join("ledger.json"), 0).unwrap().0;
    let ceiling = known().totals.peak_rss_bytes + ADDED;
    fill(&home, waiting);

    let taken = Arc::new(Mutex::new(Vec::<u64>::new()));
    let desk = taken.clone();
    let stub = Stub::start(move |_| {
        let desk = desk.clone();
        Answer::with_body(move |request| {
            let batch = request.json.as_ref().expect("a batch");
            desk.lock().unwrap().push(batch["sequence"].as_u64().unwrap());
            Answer::Accept
        })
    });
    configure(&home, &stub.url());
    let (mut runs, mut peak) = (0, 0);
    while runs == 0 || !home.spool_files().is_empty() {
        let before = taken.lock().unwrap().len();
        home.cron();
        runs += 1;
        stub.forget();
        let known = known();
        assert_eq!(known.sequence, waiting + runs, "each run has sealed a batch of its own");
        assert!(taken.lock().unwrap().len() > before, "each run gets something out: {}", home.log());
        peak = peak.max(known.totals.peak_rss_bytes);
        assert!(peak < ceiling, "{peak} bytes with {waiting} batches waiting, {ceiling} are the most");
    }
    let taken = taken.lock().unwrap();
    println!("{waiting} batches went out in {runs} runs of {RUN_S} s, {peak} bytes at most");
    assert_eq!(*taken, (1..=waiting + runs).collect::<Vec<_>>(), "in order, each once");
}

fn configure(home: &Home, url: &str) {
    let port = shared(*majors().last().unwrap()).port();
    home.config(&format!(
        "[collector]\nid = \"week\"\nstate_dir = \"{{state}}\"\nrun_timeout = {RUN_S}\n\
         [postgres]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"postgres\"\ndatabase = \"postgres\"\nsslmode = \"disable\"\n\
         [logging]\nfile_path = \"{{log}}\"\n[backend]\nurl = \"{url}\"\ntoken = \"t\"\n[prometheus]\ntextfile = \"{{state}}/own.prom\"\n"
    ));
}

/// The one batch that waits, again and again, each with a sequence and an id of its own.
fn fill(home: &Home, count: u64) {
    let first = Spool::open(&StateDir::open(&home.state_dir()).unwrap()).entries().unwrap().remove(0);
    let text = String::from_utf8(inflate(&std::fs::read(&first.path).unwrap()).unwrap()).unwrap();
    for sequence in 2..=count {
        let id = format!("{}{sequence:012}", &first.batch_id[..24]);
        let text = text
            .replace(&first.batch_id, &id)
            .replace("\"sequence\":1,", &format!("\"sequence\":{sequence},"));
        let mut sealed = GzEncoder::new(Vec::new(), Compression::fast());
        sealed.write_all(text.as_bytes()).unwrap();
        // As the spool names it; not synced, ten thousand times.
        let file = home.state_dir().join("spool").join(format!("{sequence:09}-{id}.json.gz"));
        std::fs::write(file, sealed.finish().unwrap()).unwrap();
    }
}
