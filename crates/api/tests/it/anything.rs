//! Whatever comes: nothing panics, and what is taken comes out as it went in.

use std::cell::Cell;
use std::collections::BTreeMap;

use bed::api::Api;
use bed::cluster::shared;
use bed::majors;
use jiff::{SignedDuration, Timestamp};
use pganalytics_api::family::{FAMILIES, Kind};
use pganalytics_api::ingest::prepare::{Bounds, prepare};
use pganalytics_api::retention::Retention;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::batch::now;

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

fn number() -> impl Strategy<Value = Value> {
    let edges = [0.0, -0.0, 0.1, 1e15, 1e17, 1.0e300, -5e-324, 2.2250738585072014e-308];
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_filter("as far as this test reads", |f| f.abs() < 1e300).prop_map(Value::from),
        select(edges.to_vec()).prop_map(Value::from),
        select(vec![i64::MIN, i64::MAX, -1, 0, 9_007_199_254_740_993]).prop_map(Value::from),
    ]
}

/// Without U+0000, of which there is no `jsonb`.
fn words() -> impl Strategy<Value = String> {
    let edges = [
        "",
        " ",
        "null",
        "true",
        "\"",
        "\\",
        "\\u0000",
        "\u{1}\u{7f}\u{85}",
        "\u{feff}\u{10ffff}",
        "2026-11-26T10:11:44.908405Z",
        "2026-11-26T10:11:44.9084051Z",
        "2026-11-26T10:11:44+02:00",
        "0001-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "-009999-01-02T01:59:59Z",
        "9999-12-30T22:00:00Z",
        "-9223372036854775808",
        "9223372036854775808",
        "007",
        "+7",
        "-0",
        "0/16B3748",
    ];
    prop_oneof![
        select(edges.to_vec()).prop_map(str::to_owned),
        vec(any::<char>().prop_filter("not of jsonb", |c| *c != '\0'), 0..12).prop_map(String::from_iter)
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number(),
        words().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(words(), inner, 0..5).prop_map(|fields| json!(fields)),
        ]
    })
}

/// Of the column's own type, mostly.
fn cell(kind: Kind) -> BoxedStrategy<Value> {
    let own = match kind {
        Kind::Int | Kind::Float => number().boxed(),
        Kind::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Kind::Hash => any::<i64>().prop_map(|hash| hash.to_string().into()).boxed(),
        Kind::Text | Kind::Time | Kind::Texted => words().prop_map(Value::from).boxed(),
    };
    prop_oneof![4 => own, 1 => Just(Value::Null), 1 => value()].boxed()
}

fn row(family: usize) -> impl Strategy<Value = Value> {
    let columns: Vec<_> = FAMILIES[family]
        .columns
        .iter()
        .map(|column| prop::option::weighted(0.2, cell(column.kind)))
        .collect();
    (columns, btree_map(words(), value(), 0..3)).prop_map(move |(cells, more)| {
        let mut fields: BTreeMap<String, Value> = more;
        for (column, cell) in FAMILIES[family].columns.iter().zip(cells) {
            if let Some(cell) = cell {
                fields.insert(column.field().to_owned(), cell);
            }
        }
        json!(fields)
    })
}

/// What an item says besides its head.
fn item() -> impl Strategy<Value = Value> {
    let own = || btree_map(words(), value(), 0..6);
    let family = (0..FAMILIES.len()).prop_flat_map(|family| {
        let rows = prop_oneof![4 => vec(row(family), 0..6).prop_map(Value::from), 1 => value()];
        (Just(FAMILIES[family].kind), Just(FAMILIES[family].rows), rows)
    });
    prop_oneof![
        3 => (family, own()).prop_map(|((kind, field, rows), mut fields)| {
            fields.insert(field.to_owned(), rows);
            fields.insert("type".to_owned(), kind.into());
            json!(fields)
        }),
        1 => own().prop_map(|mut fields| {
            fields.insert("type".to_owned(), "unheard_of".into());
            json!(fields)
        }),
    ]
}

/// As older collectors send it: the wrong type is no reason to refuse.
fn lenient(items: &[Value]) -> Value {
    json!({ "hostname": "h.example", "timestamp": now(), "metrics": items })
}

fn bounds() -> Bounds {
    Bounds { now: Timestamp::now(), ahead: SignedDuration::from_mins(5), retention: Retention::default() }
}

#[test]
fn any_items_are_taken_apart_or_refused() {
    let taken = Cell::new(0);
    let cases = (vec(item(), 0..4), any::<bool>());
    runner(1500)
        .run(&cases, |(items, strict)| {
            let mut sent = lenient(&items);
            if strict {
                sent["schema"] = 1.into();
                sent["batch_id"] = "b".into();
                sent["metrics_count"] = items.len().into();
                for item in sent["metrics"].as_array_mut().unwrap() {
                    item["server"] = "s".into();
                    item["timestamp"] = now().into();
                }
            }
            match prepare(&sent.to_string(), Uuid::nil(), &bounds()) {
                Ok(prepared) => {
                    taken.set(taken.get() + 1);
                    prop_assert_eq!(prepared.items + prepared.aside.len(), items.len());
                }
                Err(fault) => prop_assert!(
                    strict || fault.field.starts_with("metrics["),
                    "{}: {}",
                    fault.field,
                    fault.why
                ),
            }
            Ok(())
        })
        .unwrap();
    assert!(taken.get() > 1000, "many are: {}", taken.get());
}

/// Sound batches of which a part was cut out, doubled, or overwritten.
#[test]
fn any_damage_is_told() {
    let cases = (vec(item(), 1..3), any::<Index>(), any::<Index>(), any::<Index>(), "[^a]{0,3}");
    runner(1500)
        .run(&cases, |(items, from, to, at, words)| {
            let sent: Vec<char> = lenient(&items).to_string().chars().collect();
            let place = |index: Index| index.index(sent.len());
            let (from, to) = (place(from).min(place(to)), place(from).max(place(to)));
            let piece: String = sent[from..to.min(from + 40)].iter().collect();
            let (before, behind) = sent.split_at(place(at));
            let [before, behind] = [before, behind].map(|part| part.iter().collect::<String>());
            let cut: String = sent[..from].iter().chain(&sent[to..]).collect();
            for text in [cut, format!("{before}{piece}{behind}"), format!("{before}{words}{behind}"), before]
            {
                let _ = prepare(&text, Uuid::nil(), &bounds());
            }
            Ok(())
        })
        .unwrap();
}

/// Doubles to the last bits, which the reader of this test does not always get right.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => match (x.as_f64(), y.as_f64()) {
            _ if x.is_i64() && y.is_i64() => x == y,
            (Some(x), Some(y)) => (x - y).abs() <= x.abs() * 1e-15 + 1e-300,
            _ => false,
        },
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(name, x)| y.get(name).is_some_and(|y| same(x, y)))
        }
        _ => a == b,
    }
}

/// Each has a number of its own, and so has each statement, as the first text of one is kept.
fn numbered(mut item: Value, number: usize) -> Value {
    item["n"] = number.into();
    item["database"] = Value::Null;
    let rows = item.get_mut("queries").and_then(Value::as_array_mut).into_iter().flatten();
    for (at, row) in rows.enumerate().filter(|(_, row)| row.is_object()) {
        row["hash"] = (1000 * number + at).to_string().into();
    }
    item
}

/// A few hundred items in a few batches.
#[test]
fn what_is_taken_comes_out_as_it_went_in() {
    for major in majors() {
        let server = shared(major);
        let api = Api::start(server, &server.fresh_database("anything"), &[]);
        let (_, token) = api.register("one");
        let (mut source, mut sent) = (runner(1), Vec::new());
        for _ in 0..8 {
            let items: Vec<Value> = (0..40)
                .map(|n| numbered(item().new_tree(&mut source).unwrap().current(), sent.len() + n))
                .collect();
            let answer = api.push(&token, &lenient(&items));
            assert_eq!(answer.json()["metrics_inserted"], 40, "{major}: {answer:?}, {items:?}");
            sent.extend(items);
        }
        let answer = api.get("/api/v1/metrics?start_time=2020-01-01T00:00:00Z&limit=1000", Some(&token));
        let page: Value = serde_json::from_str(&answer.text).unwrap_or_else(|e| panic!("{e}: {answer:?}"));
        let read = page["metrics"].as_array().unwrap();
        assert_eq!((read.len(), sent.len()), (320, 320), "{major}");
        for item in &sent {
            let found = read.iter().find(|metric| metric["data"]["n"] == item["n"]).unwrap();
            let mut expected = item.clone();
            expected.as_object_mut().unwrap().remove("type");
            assert_eq!(found["type"], item["type"]);
            let mut data = found["data"].clone();
            // What stands in columns of its own.
            for name in ["timestamp", "server"] {
                if let Some(value) = item.get(name) {
                    data[name] = value.clone();
                }
            }
            assert!(same(&data, &expected), "{major}: {data:#} is not {expected:#}");
        }
    }
}
