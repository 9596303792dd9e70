//! What is JSON, and where its parts begin and end, is what serde_json says.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{Checked, Value};
use crate::object::{Object, string};

/// As deep as parts are kept, and two levels more.
fn same(checked: &Checked, value: Value, expected: &RawValue, levels: usize) {
    assert_eq!(value.json, expected.get());
    if levels == 0 {
        return;
    }
    let list: Option<Vec<&RawValue>> = serde_json::from_str(expected.get()).ok();
    let elements = checked.elements(value).map(|elements| elements.collect::<Vec<_>>());
    assert_eq!(elements.as_ref().map(Vec::len), list.as_ref().map(Vec::len), "{}", value.json);
    for (element, expected) in elements.iter().flatten().zip(list.iter().flatten()) {
        same(checked, *element, expected, levels - 1);
    }
    let object = serde_json::from_str(expected.get()).ok().map(|Object(fields)| fields);
    let fields = checked.object(value);
    assert_eq!(fields.as_ref().map(Vec::len), object.as_ref().map(Vec::len), "{}", value.json);
    for ((name, field), (known, expected)) in fields.iter().flatten().zip(object.iter().flatten()) {
        assert_eq!(name, known);
        same(checked, *field, expected, levels - 1);
    }
}

/// Whether it is JSON at all.
fn agree(text: &str) -> bool {
    let known = serde_json::from_str::<&RawValue>(text);
    let checked = Checked::read(text);
    assert_eq!(checked.is_some(), known.is_ok(), "{text:?}: {known:?}");
    let (Some(checked), Ok(known)) = (checked, known) else { return false };
    same(&checked, checked.root(), known, 7);
    true
}

#[test]
fn what_is_json_is_what_serde_json_reads() {
    for text in [
        "",
        " ",
        "{}",
        " [ ] ",
        "\n\t\r {\"a\" : [ 1 , {\"b\":{}} , [] ] , \"a\":null}\n",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{\"a\" 1}",
        "{a:1}",
        "{,}",
        "{]",
        "[}",
        "[]]",
        "{}{}",
        "[1]x",
        "\u{feff}{}",
        "[\u{c}1]",
        "0",
        "-0",
        "-",
        "00",
        "01",
        "-01",
        "1.",
        ".1",
        "1.e1",
        "1e",
        "1e+",
        "1E-007",
        "0e0",
        "1e1.5",
        "+1",
        "1x",
        "true",
        "truefalse",
        "tru",
        "nul",
        "NaN",
        "\"",
        "\"\\\"",
        "\"\\",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u+123\"",
        "\"\\ud800\"",
        "{\"\\ud800\":1}",
        "{\"a\\\"b\":\"c\\\\\"}",
        "\"\\x\"",
        "\"a\u{1f}b\"",
        "\"a\u{7f}\u{80}\u{10ffff}b\"",
        "\"a string of more than eight bytes, a quote \\\" and a line\n\"",
        "[\"1234567\",\"12345678\",\"123456789\"]",
    ] {
        agree(text);
    }
    for depth in [4, 5, 6, 7, 64, 65, 10_000] {
        assert!(agree(&("[".repeat(depth) + &"]".repeat(depth))));
        assert!(agree(&("{\"a\":[".repeat(depth) + &"]}".repeat(depth))));
    }
    assert!(agree(&format!("[{}[[[1]],2]]", "[],".repeat(70_000))), "more parts than are kept");
}

#[test]
fn what_may_be_too_much_for_a_database_is_doubtful() {
    for (text, doubtful) in [
        ("{\"a\":[1.5e-07,\"\\n\\\\\\\"\",18446744073709551615]}", false),
        ("\"\\u00e9\"", true),
        ("1e512", true),
        ("1e100", true),
        ("1e-99", false),
    ] {
        assert_eq!(Checked::read(text).unwrap().doubtful, doubtful, "{text}");
    }
    assert!(Checked::read(&"9".repeat(513)).unwrap().doubtful);
    assert!(Checked::read(&("[".repeat(65) + &"]".repeat(65))).unwrap().doubtful);
    assert!(!Checked::read(&("[".repeat(64) + &"]".repeat(64))).unwrap().doubtful);
}

/// What each of the collector's fuzz targets once found worth keeping, some of it JSON.
fn corpus() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let targets = fs::read_dir(folder).unwrap().map(|target| target.unwrap().path());
    let files = targets.flat_map(|target| fs::read_dir(target).unwrap());
    files.filter_map(|file| fs::read_to_string(file.unwrap().path()).ok()).collect()
}

#[test]
fn spoilt_json_is_told_as_serde_json_tells_it() {
    let mut known = corpus();
    assert!(known.len() > 100, "{}", known.len());
    for text in &known {
        agree(text);
    }
    known.retain(|text| text.len() < 2000 && serde_json::from_str::<IgnoredAny>(text).is_ok());
    known.extend(
        [
            r#"{"schema":1,"metrics":[{"type":"a","rows":[{"n":-1.5e3,"t":"x\ty"},{"n":0}],"more":[[],{}]}, null]}"#,
            "{ \"a\" : [ [ [ { \"b\" : [ { } , [ 10 , 2.5 ] ] } ] ] ] ,\n\"a\" : true }",
            r#"[{"t":"a text of some words","u":"\u00e9\ud834\udd1e\\\"","v":[false,1E+2,-0.0]},"12345678"]"#,
        ]
        .map(str::to_owned),
    );
    let words = select(vec![
        "\"", "\\", "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", "\\u0061", " ", "\n", "\u{1}", "null",
    ]);
    let changes = vec((any::<Index>(), any::<Index>(), words), 1..4);
    let sound = Cell::new(0);
    let mut runner =
        TestRunner::new(Config { cases: 20_000, failure_persistence: None, ..Config::default() });
    let spoil = (select(known), changes).prop_map(|(text, changes)| {
        let mut letters: Vec<char> = text.chars().collect();
        for (from, length, word) in changes {
            let from = from.index(letters.len() + 1);
            let to = (from + length.index(4)).min(letters.len());
            letters.splice(from..to, word.chars());
        }
        letters.into_iter().collect::<String>()
    });
    runner
        .run(&spoil, |text| {
            sound.set(sound.get() + usize::from(agree(&text)));
            Ok(())
        })
        .unwrap();
    assert!((500..19_500).contains(&sound.get()), "some are, some are not: {}", sound.get());
}

#[test]
fn a_string_is_what_serde_json_makes_of_it() {
    for json in [r#""""#, r#""a""#, r#""a\nb\u00e9""#, r#""\ud800""#, r#""\\""#, "5", "null", "[\"a\"]"] {
        assert_eq!(
            string(json).map(|text| text.into_owned()),
            serde_json::from_str::<String>(json).ok(),
            "{json}"
        );
    }
}
