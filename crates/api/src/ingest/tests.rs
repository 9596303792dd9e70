//! What no push of ours looks like, and what it costs.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Fault;
use super::prepare::{Bounds, Prepared, prepare, prepare_within};
use crate::retention::Retention;

const NOW: &str = "2026-11-26T10:00:00Z";

fn bounds() -> Bounds {
    Bounds { now: NOW.parse().unwrap(), ahead: SignedDuration::from_mins(5), retention: Retention::default() }
}

fn read(text: &str) -> Result<Prepared, Fault> {
    prepare(text, Uuid::nil(), &bounds())
}

fn batch(metrics: &str, more: &str) -> String {
    format!(
        "{{\"schema\":1,\"batch_id\":\"b\",\"timestamp\":\"{NOW}\",\"hostname\":\"h\"{more},\"metrics\":{metrics}}}"
    )
}

fn counted(metrics: &str, count: usize) -> String {
    batch(metrics, &format!(",\"metrics_count\":{count}"))
}

fn item(kind: &str, at: &str, fields: &str) -> String {
    format!("{{\"type\":\"{kind}\",\"server\":\"s\",\"timestamp\":\"{at}\"{fields}}}")
}

#[track_caller]
fn refused(text: &str, field: &str) -> String {
    let fault = read(text).map(|_| "nothing").unwrap_err();
    assert_eq!(fault.field, field, "{}: {text:.300}", fault.why);
    fault.why
}

/// They become a server's name, a column: what no text can hold is told before the database has to.
#[test]
fn the_envelopes_names_are_bounded() {
    for name in ["hostname", "version"] {
        for wrong in [json!("a\u{0}b"), json!("x".repeat(256)), json!(5), json!(["h"]), Value::Null] {
            let text = format!("{{\"timestamp\":\"{NOW}\",\"metrics\":[],\"{name}\":{wrong}}}");
            refused(&text, name);
        }
    }
    for at in ["-009999-01-02T01:59:59Z", "0000-01-01T00:00:00Z"] {
        refused(&format!("{{\"timestamp\":\"{at}\",\"metrics\":[]}}"), "timestamp");
    }
}

#[test]
fn lists_end_where_nobody_has_more() {
    let many = |text: &str, count: usize| format!("[{}]", vec![text; count].join(","));
    let sound = item("x", NOW, "");
    assert_eq!(read(&counted(&many(&sound, 65_535), 65_535)).unwrap().items, 65_535);
    refused(&counted(&many(&sound, 65_536), 65_536), "metrics");
    refused(&counted(&many("1", 1_000_000), 1_000_000), "metrics");
    let fields = (0..70_000).map(|n| format!(",\"f{n}\":0")).collect::<String>();
    refused(&counted(&many(&item("x", NOW, &fields), 1), 1), "metrics[0]");
    let rows = format!(",\"queries\":{}", many("{}", 1_100_000));
    let why = refused(&counted(&many(&item("pg_query_stats", NOW, &rows), 1), 1), "metrics[0].queries");
    assert_eq!(why, "holds more rows than 1048576");
}

#[test]
fn rows_that_take_more_than_their_text_are_stopped() {
    let rows = format!(",\"queries\":[{}]", vec!["{}"; 10_000].join(","));
    let text = counted(&format!("[{}]", item("pg_query_stats", NOW, &rows)), 1);
    let (mut most, bound) = (0, 100_000);
    let fault = prepare_within(&text, Uuid::nil(), &bounds(), &mut |bytes| {
        most = bytes;
        bytes <= bound
    });
    assert_eq!(fault.map(|_| "nothing").unwrap_err().why, "takes too much memory");
    assert!(most > bound && most < bound + 1000, "at once: {most}");
}

#[test]
fn a_list_that_is_there_twice_is_refused() {
    let rows = ",\"queries\":[{\"hash\":\"1\"}],\"queries\":[{\"hash\":\"2\"}]";
    refused(&counted(&format!("[{}]", item("pg_query_stats", NOW, rows)), 1), "metrics[0].queries");
}

/// It would be stored later, by whoever replays it.
#[test]
fn what_is_set_aside_is_sound_but_for_its_date() {
    let ahead = "2027-01-01T00:00:00Z";
    let of = |rows: &str| counted(&format!("[{}]", item("pg_query_stats", ahead, rows)), 1);
    let aside = read(&of(",\"queries\":[{\"hash\":\"1\"}]")).unwrap();
    assert_eq!((aside.aside.len(), aside.items, aside.records), (1, 0, 0));
    assert!(aside.statements.is_empty() && aside.families.is_empty() && aside.pieces.is_empty());
    refused(&of(",\"queries\":[{\"hash\":1}]"), "metrics[0].queries[0].hash");
    refused(&of(",\"note\":\"\\u0000\""), "metrics[0]");
}

#[test]
fn a_place_within_an_item_is_told_by_its_byte() {
    let raw = item("x", NOW, ",\"a\":[\"\\u0000\"]");
    let why = refused(&counted(&format!("[{raw}]"), 1), "metrics[0]");
    assert_eq!(why, format!("a string holds the character U+0000, at its byte {}", raw.find("\\u").unwrap()));
}

#[test]
fn the_newest_of_equals_is_the_last() {
    let late = item("x", "2026-11-26T09:00:00Z", "");
    let text = counted(&format!("[{0},{0},{1}]", item("x", NOW, ""), late), 3);
    let newest: Vec<_> = read(&text).unwrap().newest.into_values().collect();
    let now: Timestamp = NOW.parse().unwrap();
    assert_eq!(newest.iter().map(|n| (n.timestamp, n.place)).collect::<Vec<_>>(), [(now, 1)]);
}
