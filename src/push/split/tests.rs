use std::collections::BTreeSet;

use wire::{Head, Verdict};

use super::*;
use crate::state::StateDir;

fn batch(items: &[&str]) -> Sealed {
    let head = Head {
        schema: 1,
        batch_id: "b".into(),
        sequence: 7,
        part_of: None,
        collector_id: "c".into(),
        hostname: "h".into(),
        timestamp: "t".into(),
        started_at: "t".into(),
        version: "3.3.0".into(),
        interval_s: 60,
    };
    let mut batch = batch::Batch::open(head).unwrap();
    for item in items {
        batch.item(item.as_bytes()).unwrap();
        batch.count(Verdict::Ok);
    }
    batch.seal().unwrap()
}

fn read(sealed: &Sealed) -> Batch {
    serde_json::from_slice(&inflate(&sealed.bytes).unwrap()).unwrap()
}

fn texts(sealed: &Sealed) -> Vec<String> {
    read(sealed).metrics.iter().map(|item| item.get().to_owned()).collect()
}

/// Splits until nothing more can be split: ids and items in the order in which they would be sent.
fn shatter(sealed: Sealed) -> Vec<(String, Vec<String>)> {
    match halves(&sealed.bytes).unwrap() {
        Some(halves) => halves.into_iter().flat_map(shatter).collect(),
        None => vec![(sealed.head.batch_id.clone(), texts(&sealed))],
    }
}

const ODD: [&str; 5] = [
    r#"{"n": 1.10, "parts":{"a":{"outcome":"ok"},"b":{"outcome":"failed"}}}"#,
    r#"{"n":12345678901234567890.0e-1,"parts":{"a":{"outcome":"partial"}}}"#,
    r#"{"text":"\u00e4 \/ \"","parts":{}}"#,
    r#"{ "spaced" : [ ] }"#,
    r#"{"parts":{"x":{"outcome":"skipped"}}}"#,
];

#[test]
fn halves_hold_every_item_once_in_order_byte_for_byte() {
    for count in 0..=ODD.len() {
        let shattered = shatter(batch(&ODD[..count]));
        let items: Vec<String> = shattered.iter().flat_map(|(_, items)| items.clone()).collect();
        assert_eq!(items, ODD[..count]);
        let ids: Vec<&String> = shattered.iter().map(|(id, _)| id).collect();
        assert!(ids.is_sorted(), "the spool sorts them as they are sent: {ids:?}");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), count.max(1));
    }
}

#[test]
fn a_half_is_a_batch_of_its_own_that_says_where_it_is_from() {
    let [one, two] = halves(&batch(&ODD).bytes).unwrap().unwrap();
    let (front, back) = (read(&one), read(&two));
    assert_eq!((front.batch_id.as_str(), back.batch_id.as_str()), ("b.1", "b.2"));
    assert_eq!((front.part_of.as_deref(), front.sequence, front.metrics_count), (Some("b"), 7, 3));
    assert_eq!((front.outcomes.ok, front.outcomes.partial, front.outcomes.failed), (1, 1, 1));
    assert_eq!((back.metrics_count, back.outcomes.skipped, back.outcomes.ok), (2, 1, 0));
    let [third, _] = halves(&one.bytes).unwrap().unwrap();
    assert_eq!((third.head.batch_id.as_str(), third.head.part_of.as_deref()), ("b.1.1", Some("b.1")));
    assert_eq!(
        halves(&batch(&ODD).bytes).unwrap().unwrap()[0].bytes,
        one.bytes,
        "it follows from the original"
    );
}

#[test]
fn halves_are_in_the_spool_before_the_original_leaves_it() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(&StateDir::open(dir.path()).unwrap());
    let whole = batch(&ODD);
    let original = spool.put(7, "b", &whole.bytes).unwrap();
    let later = spool.put(8, "a", &whole.bytes).unwrap();
    let two = halves(&whole.bytes).unwrap().unwrap();
    std::fs::create_dir(dir.path().join("spool/000000007-b.2.json.gz")).unwrap();
    assert!(into_spool(&spool, &original, &two).is_err());
    assert!(original.path.exists());
    std::fs::remove_dir(dir.path().join("spool/000000007-b.2.json.gz")).unwrap();
    let parts = into_spool(&spool, &original, &two).unwrap();
    assert_eq!(
        spool.entries().unwrap().iter().map(|e| e.batch_id.as_str()).collect::<Vec<_>>(),
        ["b.1", "b.2", "a"]
    );
    assert_eq!(std::fs::read(&parts[1].path).unwrap(), two[1].bytes);
    assert!(later.path.exists());
}

#[test]
fn parts_are_told_from_other_batches() {
    fn check(id: &str, whole: &str, expected: bool) {
        assert_eq!(is_part(id, whole), expected, "{id} of {whole}");
    }
    check("b.1", "b", true);
    check("b.1.2", "b", true);
    check("b", "b", false);
    check("bc.1", "b", false);
    check("b.1", "b.1", false);
    check("", "", false);
}
