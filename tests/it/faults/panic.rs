use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use pganalytics::collect::part::{Done, Fragment};
use pganalytics::collect::plan::{Planned, Visit};
use pganalytics::collect::visit::{self, Ground};
use pganalytics::collect::{Cx, Part, Placed, Run};
use pganalytics::config;
use pganalytics::pg::session::{Limits, Missing, Session, Spent};
use pganalytics::pg::{pool, probe};
use wire::Reason;

use super::scene::{home, postgres, watched};

const fn part(key: &'static str, run: fn(&mut Session, &Cx) -> Vec<Placed>) -> Part {
    Part { key, run: Run::Code(run), ..Part::DATABASE }
}

static FINE: Part = part("fine", |session, _| {
    let asked = session.query("test.fine", "select 1 as one", &[], |_| Ok(()));
    assert!(asked.is_ok(), "{asked:?}");
    vec![Placed { database: None, done: Done::ok("fine", Fragment::Nothing, 1) }]
});
static BREAKS: Part = part("breaks", |session, _| {
    let _ = session.query("test.breaks", "select 1 as one", &[], |_| panic!("a defect of ours"));
    unreachable!()
});
static LAST: Part = part("last", FINE_RUN);
const FINE_RUN: fn(&mut Session, &Cx) -> Vec<Placed> = |session, _| {
    let asked = session.query("test.last", "select 1 as one", &[], |_| Ok(()));
    assert!(asked.is_ok(), "{asked:?}");
    vec![Placed { database: None, done: Done::ok("last", Fragment::Nothing, 1) }]
};

/// A part that panics in the middle of its rows costs itself and its connection; the others are asked on a new one.
#[test]
fn a_panic_costs_its_part() {
    let cluster = watched(18, &[]);
    let home = home("", &postgres(cluster.port(), r#"["postgres"]"#, ""));
    let config = Arc::new(config::load(Some(&home.config_path())).unwrap_or_else(|e| panic!("{e}")).config);
    let server = Arc::new(config.servers[0].clone());
    let spent = Arc::new(Spent::default());
    let deadline = Instant::now() + Duration::from_secs(30);
    let limits = Limits {
        statement_timeout: server.statement_timeout,
        lock_timeout: server.lock_timeout,
        deadline,
        as_monitor: false,
    };
    let facts = probe::probe(
        &mut cluster.conn("postgres"),
        limits,
        spent.clone(),
        &probe::Wanted::default(),
        Missing::default(),
    )
    .expect("facts");
    let reaper = Arc::new(scheduled_thread_pool::ScheduledThreadPool::new(1));
    let ground = Ground {
        config: config.clone(),
        server,
        facts: Arc::new(facts),
        pool: pool::pool(&config.pool, reaper),
        spent,
        budget_ms: None,
        deadline,
        stop: Arc::new(AtomicBool::new(false)),
        databases: Arc::new(vec!["postgres".to_owned()]),
        missing: Missing::default(),
        seeks: false,
        cancels: Default::default(),
        memory: Arc::default(),
        progress: Arc::default(),
    };
    let planned = |part| Planned { collector: "pg_stats", part, slow: None };
    let parts = [&FINE, &BREAKS, &LAST].map(planned).to_vec();
    let visit = Visit { database: "postgres".to_owned(), parts };
    let mut told = Vec::new();
    let mark = cluster.log_mark();
    let (ending, held) = visit::run(&visit, &ground, None, |answer| {
        told.extend(answer.placed.into_iter().map(|p| (p.done.key, p.done.outcome.reason)));
    });
    assert_eq!(told, [("fine", None), ("breaks", Some(Reason::Panic)), ("last", None)]);
    assert_eq!(ending.opened.len(), 2);
    assert!(held.is_some(), "the slot comes back");
    assert_eq!(cluster.log_since(mark).matches("authorized: user=mon").count(), 2);
}
