//! What is told: to the log, to the ledger, and by the exit code.

use serde_json::{Value, json};

use super::desk::*;
use crate::support::stub::Answer;

#[test]
fn success_is_told_only_of_this_runs_own_batch() {
    let backend = Backend::start(Answer::reply(404, ""));
    let home = home_for(&backend.stub.url());
    assert_eq!(home.cron().code, Some(1));
    let first = entries(&home)[0].batch_id.clone();
    let only_first = first.clone();
    backend.answers(by_batch(move |request| match request.batch_id() {
        Some(id) if id == only_first => Answer::Accept,
        _ => Answer::reply(404, ""),
    }));
    assert_eq!(home.cron().code, Some(1));
    assert_eq!(backend.accepted()[0].id, first);
    let log = home.log();
    assert!(!log.contains("Metrics pushed successfully"), "{log}");
    assert_eq!(lines(&log, "Spool buffer: 1 older batches delivered").len(), 1, "{log}");
    assert_eq!(lines(&log, "Push failed").len(), 2, "{log}");
}

#[test]
fn draining_many_batches_is_one_line() {
    let backend = Backend::start(Answer::reply(404, ""));
    let home = home_for(&backend.stub.url());
    for _ in 0..5 {
        assert_eq!(home.cron().code, Some(1));
        change_ledger(&home, |ledger| ledger.breaker = Default::default());
    }
    backend.answers(Answer::Accept);
    let before = home.log().len();
    assert_eq!(home.cron().code, Some(0));
    assert_eq!(backend.accepted().len(), 6);
    assert_in_order(&backend.accepted());
    let log = home.log().split_off(before);
    assert_eq!(lines(&log, "buffer").len(), 1, "{log}");
    assert!(log.contains("Spool buffer: 5 older batches delivered"), "{log}");
    assert_eq!(lines(&log, "Metrics pushed successfully").len(), 1, "{log}");
    assert_eq!(lines(&log, "Loaded auth token").len(), 1, "{log}");
}

#[test]
fn what_was_refused_for_good_is_told_of_as_long_as_it_lies_there() {
    for leaves in [&["spool", "flush", "--rejected"], &["spool", "drop", "--all"]] as [&[&str]; 2] {
        let refusal = r#"{"code":"invalid_batch","message":"no such collector"}"#;
        let backend = Backend::start(Answer::reply(422, refusal));
        let home = home_with(&backend.stub.url(), "[prometheus]\ntextfile = \"{state}.prom\"");
        let lying = || {
            let text = std::fs::read_to_string(home.state_dir().with_extension("prom")).unwrap();
            let line = lines(&text, "pganalytics_rejected_batches ").pop().unwrap().to_owned();
            let status: Value = serde_json::from_str(&home.run(&["status", "--json"]).stdout).unwrap();
            let told =
                status["conditions"].to_string().contains("batches lie in reject/, refused for good (");
            (status["rejected_batches"].as_u64(), told, line)
        };
        let refused = |count: u64| (Some(count), count > 0, format!("pganalytics_rejected_batches {count}"));
        for count in 1..=2 {
            let run = home.cron();
            assert_eq!((run.code, lying()), (Some(1), refused(count)));
            assert_eq!(run.stderr.contains("refused for good (1)"), count == 1, "{}", run.stderr);
        }
        backend.answers(Answer::Accept);
        let run = home.cron();
        assert_eq!((run.code, run.stderr.as_str(), lying()), (Some(0), "", refused(2)), "{}", home.log());
        change_ledger(&home, |ledger| {
            ledger.conditions.values_mut().for_each(|condition| condition.told -= 86_400);
        });
        let daily = home.cron();
        assert!(daily.stderr.contains("refused for good (2)"), "{}", daily.stderr);
        assert_eq!(home.run(leaves).code, Some(0));
        let run = home.cron();
        assert!(run.code == Some(0) && run.stderr.contains("over after"), "{}", run.stderr);
        assert_eq!(lying(), refused(0));
    }
}

#[test]
fn a_run_that_is_not_due_to_push_spools_and_that_is_fine() {
    let backend = Backend::start(Answer::Accept);
    let home = home_for(&backend.stub.url());
    configure(&home, &backend.stub.url(), "push_interval = 600", "");
    for _ in 0..3 {
        let run = home.cron();
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", home.log());
    }
    assert_eq!((backend.count(), entries(&home).len()), (1, 2));
    let log = home.log();
    assert_eq!(lines(&log, "Metrics pushed successfully").len(), 1, "{log}");
    assert!(log.contains(" INFO: Spool buffer: 2 batches"), "{log}");
    assert_eq!(lines(&log, "WARN").len(), 0, "{log}");
    change_ledger(&home, |ledger| *ledger.pushed_at.as_mut().unwrap() -= 600);
    assert_eq!(home.cron().code, Some(0));
    assert_in_order(&backend.accepted());
    assert_eq!((backend.accepted().len(), entries(&home).len()), (4, 0));
}

#[test]
fn a_batch_promises_the_longer_of_both_intervals() {
    let backend = Backend::start(Answer::Accept);
    let home = home_for(&backend.stub.url());
    for (settings, promised) in
        [("push_interval = 900", 900), ("interval = 600", 600), ("interval = 600\npush_interval = 900", 900)]
    {
        configure(&home, &backend.stub.url(), settings, "");
        change_ledger(&home, |ledger| ledger.pushed_at = None);
        assert_eq!(home.cron().code, Some(0), "{}", home.log());
        assert_eq!(backend.accepted().last().unwrap().body["interval_s"], promised, "{settings}");
    }
}

#[test]
fn texts_that_the_backend_wants_are_remembered_once_and_bounded() {
    let reply = |from: u32, to: u32| {
        by_batch(move |request| {
            let wants: Vec<_> =
                (from..to).map(|n| json!({"server": "s", "queryid": n.to_string()})).collect();
            Answer::reply(200, json!({"batch_id": request.batch_id(), "want_texts": wants}).to_string())
        })
    };
    let backend = Backend::start(reply(0, 150));
    let home = home_for(&backend.stub.url());
    let wanted = || read_ledger(&home).wants.into_iter().map(|w| w.queryid).collect::<Vec<_>>();
    assert_eq!(home.cron().code, Some(0));
    assert_eq!(wanted(), (0..100).map(|n| n.to_string()).collect::<Vec<_>>(), "100 an answer");
    change_ledger(&home, |ledger| {
        let many = 100..990;
        ledger.wants.extend(many.map(|n| wire::Want { server: "s".into(), queryid: n.to_string() }));
    });
    backend.answers(reply(900, 1100));
    assert_eq!(home.cron().code, Some(0));
    let wanted = wanted();
    assert!(wanted.len() <= 1000, "{}", wanted.len());
    assert_eq!(wanted.iter().filter(|id| id.as_str() == "950").count(), 1);
}

#[test]
fn a_file_target_gets_what_a_backend_did_not() {
    let backend = Backend::start(Answer::reply(404, ""));
    let home = home_for(&backend.stub.url());
    assert_eq!(home.cron().code, Some(1));
    configure(&home, "{target}", "", "");
    assert_eq!(home.cron().code, Some(0), "{}", home.log());
    let batches = home.batches();
    let sequences: Vec<_> = batches.iter().map(|b| b["sequence"].as_u64().unwrap()).collect();
    assert_eq!((sequences, entries(&home).len()), (vec![1, 2], 0));
    assert!(home.log().contains("Metrics pushed successfully"));
}
