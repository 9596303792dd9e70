//! Columns take only what they give back.

use super::split::{moment, number};

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
