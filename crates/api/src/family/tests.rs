//! Columns take only what they give back.

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::moment::moment;
use super::split::number;
use crate::copy::OLDEST;

#[test]
fn a_double_is_taken_where_it_comes_out_as_it_went_in() {
    for (json, taken) in [
        ("0", true),
        ("0.000", true),
        ("0e7", true),
        ("1.25", true),
        ("1e-5", true),
        ("123456789012345", true),
        ("0.1", true),
        ("0.30000000000000004", true),
        ("1.7976931348623157e+308", true),
        ("5e-324", true),
        // A zero below zero is one above it to jsonb, and to nobody else.
        ("-0", false),
        ("-0.00", false),
        ("-0e1", false),
        ("9007199254740993", false),
        ("0.1234567890123456789", false),
        ("0.30000000000000001", false),
        ("1e-400", false),
        ("1.234567890123e-320", false),
        ("1e400", false),
    ] {
        assert_eq!(number(json).is_some(), taken, "{json}");
    }
}

#[test]
fn a_moment_is_taken_where_the_server_has_it_too() {
    for (text, taken) in [
        ("2026-11-26T10:11:44.908405Z", true),
        ("2026-11-26T10:11:44Z", true),
        ("0001-01-01T00:00:00Z", true),
        ("9999-12-30T22:00:00Z", true),
        ("0000-12-31T23:59:59Z", false),
        ("-009999-01-02T01:59:59Z", false),
        ("2026-11-26T10:11:44.9084051Z", false),
        ("2026-11-26T10:11:44.900Z", false),
        ("2026-11-26T12:11:44+02:00", false),
        ("2026-11-26 10:11:44Z", false),
        ("yesterday", false),
    ] {
        assert_eq!(moment(text).is_some(), taken, "{text}");
    }
}

/// As what was read is written again.
fn written_again(text: &str) -> Option<Timestamp> {
    let at: Timestamp = text.parse().ok()?;
    (at >= OLDEST && at.as_nanosecond() % 1000 == 0 && at.to_string() == text).then_some(at)
}

#[test]
fn a_moment_is_what_is_written_as_it_was_read() {
    let mut runner =
        TestRunner::new(Config { cases: 20_000, failure_persistence: None, ..Config::default() });
    let two = || "[0-9]{2}|[0-6][0-9]";
    let fields =
        (r"-?[0-9]{4}|20[0-9]{2}", two(), two(), two(), two(), two(), r"(\.[0-9]{0,7})?", "[Zz]?|[+]00:00");
    let near = fields.prop_map(|(year, month, day, hour, minute, second, fraction, zone)| {
        format!("{year}-{month}-{day}T{hour}:{minute}:{second}{fraction}{zone}")
    });
    let sound = (-62_135_596_800_000_000_i64..=253_402_207_200_000_000, 0..7_u32).prop_map(|(us, zeros)| {
        let step = 10_i64.pow(zeros);
        Timestamp::from_microsecond(us / step * step).map(|at| at.to_string()).unwrap_or_default()
    });
    runner
        .run(&prop_oneof![near, sound], |text| {
            prop_assert_eq!(moment(&text), written_again(&text), "{}", text);
            Ok(())
        })
        .unwrap();
}
