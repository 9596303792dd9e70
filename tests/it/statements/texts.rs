use pganalytics::state::ledger;
use serde_json::{Value, json};

use super::Bed;
use crate::support::cluster::{Cluster, shared};
use crate::support::majors;
use crate::support::stub::{Answer, Stub};

fn newest() -> &'static Cluster {
    shared(majors().into_iter().max().unwrap())
}

/// Makes a table and asks it: a statement nobody else has.
fn statement(bed: &Bed, name: &str) -> String {
    let (db, text) = (&bed.databases[0], format!("select a from {name}"));
    bed.server.sql(db, &format!("create table {name} (a int); {text}"));
    bed.hash(db, &text)
}

/// Asks the table again, so that its statement is in once more.
fn again(bed: &Bed, names: &[&str]) {
    let text: String = names.iter().map(|name| format!("select a from {name};")).collect();
    bed.server.sql(&bed.databases[0], &text);
}

fn text_of<'b>(batch: &'b super::Batch, bed: &Bed, hash: &str) -> Option<&'b str> {
    batch.query(&bed.databases[0], hash).expect("its row is in").get("text").and_then(Value::as_str)
}

#[test]
fn a_text_leaves_once_and_a_new_one_with_its_row() {
    for major in majors() {
        let bed = Bed::new(shared(major), 1);
        let db = &bed.databases[0];
        let old = statement(&bed, "old");
        let first = bed.run();
        assert_eq!(text_of(&first, &bed, &old), Some("select a from old"));
        assert!(first.queries(db).iter().all(|q| q.get("text").is_some()), "every row has its text");
        let new = statement(&bed, "new");
        again(&bed, &["old"]);
        let second = bed.run();
        assert_eq!(text_of(&second, &bed, &new), Some("select a from new"));
        assert_eq!(text_of(&second, &bed, &old), None);
        let sent = |batch: &super::Batch| -> Vec<String> {
            let with_text = batch.queries(db).iter().filter(|q| q.get("text").is_some()).cloned();
            with_text.map(|q| q["hash"].as_str().unwrap().to_owned()).collect()
        };
        let (before, after) = (sent(&first), sent(&second));
        assert!(after.iter().all(|hash| !before.contains(hash)), "{after:?}");
    }
}

#[test]
fn texts_are_cut_and_wait_for_a_run_with_room() {
    for major in majors() {
        let bed = Bed::new(shared(major), 1);
        bed.configure("[pg_query_stats]\ntext_bytes = 100\ntext_bytes_per_run = 450\n");
        let db = &bed.databases[0];
        let list = |n: usize| vec!["a"; 50 + n].join(", ");
        bed.server.sql(db, "create table t (a int)");
        (0..12).for_each(|n| bed.server.sql(db, &format!("select {} from t", list(n))));
        let mut seen = std::collections::BTreeMap::new();
        for run in 0.. {
            assert!(run < 12, "not all after {run} runs: {seen:?}");
            let batch = bed.run();
            let texts = batch.texts(db);
            // The last one begins within the limit; the short texts of a transaction's opening may be among them.
            let bytes: usize = texts.iter().map(|text| text.len()).sum();
            assert!(bytes < 450 + 100, "{bytes} bytes: {texts:?}");
            for row in batch.queries(db).iter().filter(|q| q.get("text").is_some()) {
                let text = row["text"].as_str().unwrap();
                assert!(text.len() <= 100, "{text}");
                assert_eq!(row.get("text_truncated").is_some(), text.starts_with("select a, a"), "{row}");
                let hash = row["hash"].as_str().unwrap().to_owned();
                assert!(seen.insert(hash, text.to_owned()).is_none(), "{text} left twice");
            }
            if seen.values().filter(|text| text.starts_with("select a, a")).count() == 12 {
                assert!(run >= 2, "in one go");
                break;
            }
        }
    }
}

#[test]
fn texts_of_a_batch_that_was_dropped_leave_again() {
    let bed = Bed::new(newest(), 1);
    // Names that do not compress: the batch alone is more than the spool may hold.
    let (db, mut seed) = (&bed.databases[0], 7u64);
    let mut name = || {
        let digit = |_| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            char::from(b'a' + (seed >> 33) as u8 % 26)
        };
        (0..60).map(digit).collect::<String>()
    };
    let list =
        |names: &mut dyn FnMut() -> String| (0..60).map(|_| format!("a as {}", names())).collect::<Vec<_>>();
    bed.server.sql(db, "create table t (a int)");
    let many: String = (0..60)
        .map(|n| format!("select {}{} from t;", list(&mut name).join(", "), ", a".repeat(n)))
        .collect();
    bed.server.sql(db, &many);
    let small = statement(&bed, "small");
    let folder = bed.home.target_dir();
    std::fs::remove_dir(&folder).unwrap();
    std::fs::write(&folder, "a file where the folder should be").unwrap();
    bed.configure("[spool]\nmax_bytes = 65536\n");
    bed.cron();
    assert!(!bed.home.log().contains("batches dropped"), "the batch of the run itself stays, however large");
    bed.cron();
    assert!(bed.home.log().contains("oldest batches dropped"), "{}", bed.home.log());
    assert_eq!(bed.home.ledger()["ledger"]["lost_sequences"], json!([1]));

    std::fs::remove_file(&folder).unwrap();
    std::fs::create_dir(&folder).unwrap();
    bed.configure("");
    again(&bed, &["small"]);
    assert_eq!(bed.cron().code, Some(0), "{}", bed.home.log());
    assert_eq!(text_of(&bed.last(), &bed, &small), Some("select a from small"), "it never arrived");
    again(&bed, &["small"]);
    assert_eq!(text_of(&bed.run(), &bed, &small), None);
}

#[test]
fn texts_of_a_batch_that_only_waits_do_not() {
    let bed = Bed::new(newest(), 1);
    let hash = statement(&bed, "waits");
    let folder = bed.home.target_dir();
    std::fs::remove_dir(&folder).unwrap();
    std::fs::write(&folder, "a file where the folder should be").unwrap();
    assert_eq!(bed.cron().code, Some(1));
    std::fs::remove_file(&folder).unwrap();
    std::fs::create_dir(&folder).unwrap();
    // The breaker may keep the target alone for a while: what counts is what the next batch holds.
    again(&bed, &["waits"]);
    assert!(bed.home.run(&["cron", "--dry-run"]).stdout.contains(&hash));
    let dry: Value = serde_json::from_str(&bed.home.run(&["cron", "--dry-run"]).stdout).unwrap();
    assert_eq!(text_of(&super::Batch(dry), &bed, &hash), None, "it is in the spool");
}

/// Lays wants into the ledger as a backend's answer does.
fn want(bed: &Bed, server: &str, ids: &[&str]) {
    let path = bed.home.state_dir().join("ledger.json");
    let (mut ledger, aside) = ledger::read(&path, 0).unwrap();
    assert_eq!(aside, None);
    let want = |id: &&str| wire::Want { server: server.to_owned(), queryid: (*id).to_owned() };
    ledger.wants.extend(ids.iter().map(want));
    ledger.write(&path).unwrap();
}

#[test]
fn what_the_backend_wants_is_answered_and_forgotten() {
    for major in majors() {
        let bed = Bed::new(shared(major), 2);
        bed.configure("[postgresql]\nquery_stats_limit = 10\n");
        let db = &bed.databases[0];
        let (idle, busy) = (statement(&bed, "idle"), statement(&bed, "busy"));
        bed.run();
        for name in ["b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9", "b10", "b11"] {
            statement(&bed, name);
            again(&bed, &[name, name]);
        }
        assert!(bed.run().query(db, &idle).is_none(), "not among ten");
        let name = bed.last().item(db)["server"].as_str().unwrap().to_owned();
        let identifier: i64 = bed.server.one(db, "select system_identifier from pg_control_system()");
        want(&bed, &name, &[&idle, "-77", "no number"]);
        want(&bed, &identifier.to_string(), &[&busy]);
        want(&bed, "another server", &["5"]);
        let batch = bed.run();
        assert_eq!(text_of(&batch, &bed, &idle), Some("select a from idle"));
        assert_eq!(text_of(&batch, &bed, &busy), Some("select a from busy"));
        let gone = |db: &String| batch.item(db).get("texts_gone").cloned();
        let told: Vec<Value> = bed.databases.iter().filter_map(gone).collect();
        assert_eq!(told, [json!(["-77"])], "once a server");
        assert_eq!(
            bed.home.ledger()["ledger"]["wants"],
            json!([{"server": "another server", "queryid": "5"}])
        );
        let batch = bed.run();
        assert!(batch.query(db, &idle).is_none() && !batch.0.to_string().contains("texts_gone"));
    }
}

#[test]
fn a_new_target_gets_every_text_and_none_when_none_is_to_leave() {
    let bed = Bed::new(newest(), 1);
    let db = &bed.databases[0];
    let hash = statement(&bed, "sensitive");
    bed.configure("[privacy]\nquery_text = \"none\"\n");
    let batch = bed.run();
    let name = batch.item(db)["server"].as_str().unwrap().to_owned();
    assert!(batch.query(db, &hash).is_some());
    want(&bed, &name, &[&hash]);
    let batch = bed.run();
    assert!(!batch.0.to_string().contains("sensitive") && batch.texts(db).is_empty());
    assert_eq!(bed.home.ledger()["ledger"]["wants"], json!([]), "nobody will answer it");

    bed.configure("");
    assert_eq!(text_of(&bed.run(), &bed, &hash), Some("select a from sensitive"), "texts may leave now");
    again(&bed, &["sensitive"]);
    assert_eq!(text_of(&bed.run(), &bed, &hash), None);
    let elsewhere = tempfile::tempdir().unwrap();
    bed.configure(&format!("[backend]\nurl = \"file://{}\"\n", elsewhere.path().display()));
    again(&bed, &["sensitive"]);
    assert_eq!(bed.cron().code, Some(0));
    let file = std::fs::read_dir(elsewhere.path()).unwrap().next().unwrap().unwrap().path();
    let batch = super::Batch(serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap());
    assert_eq!(text_of(&batch, &bed, &hash), Some("select a from sensitive"), "this target has none yet");
}

#[test]
fn a_backends_answer_makes_the_next_batch_bring_the_text() {
    let bed = Bed::new(newest(), 1);
    let hash = statement(&bed, "asked_for");
    let asked = hash.clone();
    let stub = Stub::start(move |_| {
        let asked = asked.clone();
        Answer::with_body(move |request| {
            let batch = request.json.as_ref().unwrap();
            let items = batch["metrics"].as_array().unwrap().iter();
            let server =
                items.filter(|i| i["type"] == "pg_query_stats").map(|i| &i["server"]).next().unwrap();
            let want = json!([{"server": server, "queryid": asked}]);
            let want = if request.ordinal == 1 { want } else { json!([]) };
            let reply = json!({"status": "success", "batch_id": batch["batch_id"], "want_texts": want});
            Answer::reply(200, reply.to_string())
        })
    });
    bed.configure(&format!("[backend]\nurl = \"{}\"\ntoken = \"t\"\n", stub.url()));
    let mut batches = Vec::new();
    for run in 0..4 {
        again(&bed, &["asked_for"]);
        assert_eq!(bed.cron().code, Some(0), "{}", bed.home.log());
        let seen = stub.requests();
        assert_eq!(seen.len(), run + 1);
        batches.push(super::Batch(seen[run].request.json.clone().unwrap()));
    }
    let texts: Vec<Option<&str>> = batches.iter().map(|batch| text_of(batch, &bed, &hash)).collect();
    let text = Some("select a from asked_for");
    assert_eq!(texts, [text, None, text, None], "at first, and when it was asked for");
}
