use super::*;

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

fn jwt(payload: &str) -> SecretString {
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", part(r#"{"alg":"HS256"}"#), part(payload), part("signed")).into()
}

fn life(from: i64, until: i64) -> Option<Life> {
    Life::of(&jwt(&format!(r#"{{"sub":"c","iat":{from},"exp":{until}}}"#)), NOW)
}

#[test]
fn half_of_a_life_is_counted_from_its_begin() {
    for (age, half) in [(-3, false), (0, false), (15 * DAY, false), (15 * DAY + 1, true), (40 * DAY, true)] {
        let life = life(NOW - age, NOW - age + 30 * DAY).unwrap();
        assert_eq!(life.is_past_half(NOW), half, "{age}");
        assert_eq!(life.left_s(NOW), 30 * DAY - age);
    }
}

#[test]
fn figures_may_have_fractions_and_claims_may_be_more() {
    let token = jwt(r#"{"exp":1800000030.25,"iat":1799999900.5,"aud":["a"],"nested":{"iat":"x"}}"#);
    let life = Life::of(&token, NOW).unwrap();
    assert!(life.is_past_half(NOW));
    assert_eq!(life.left_s(NOW), 30);
}

#[test]
fn nonsense_has_no_life() {
    assert_eq!(life(NOW, NOW), None, "it ends as it begins");
    assert_eq!(life(NOW, NOW - 1), None);
    assert_eq!(life(NOW + DAY + 1, NOW + 2 * DAY + 1), None, "it begins later than it lasts");
    assert!(life(NOW + DAY, NOW + 2 * DAY).is_some_and(|life| !life.is_past_half(NOW)));
}

#[test]
fn what_is_no_jwt_has_no_life() {
    let encoded = BASE64_URL_SAFE_NO_PAD.encode(format!(r#"{{"iat":{},"exp":{NOW}}}"#, NOW - DAY));
    assert!(Life::of(&format!("a.{encoded}.c").into(), NOW).is_some(), "this one is");
    let strange = [
        "",
        "..",
        "opaque-token",
        &format!("a.{encoded}"),
        &format!("a.{encoded}.c.d"),
        &format!("a.{encoded}=.c"),
        &format!("a.{}.c", &encoded[..encoded.len() - 3]),
        "a.!!!!.c",
        "a._w.c",
    ];
    for token in strange {
        assert_eq!(Life::of(&(*token).into(), NOW), None, "{token}");
    }
    for payload in [
        "[]",
        "null",
        "{}",
        r#"{"iat":1}"#,
        r#"{"exp":1}"#,
        r#"{"iat":"1","exp":"9"}"#,
        r#"{"iat":null,"exp":9}"#,
        r#"{"iat":1,"exp":1e999}"#,
        r#"{"iat":-1e308,"exp":1e308,"x"}"#,
    ] {
        assert_eq!(Life::of(&jwt(payload), NOW), None, "{payload}");
    }
}

/// Whatever it says, reading it ends well.
#[test]
fn extreme_figures_are_no_danger() {
    for payload in [r#"{"iat":-1e308,"exp":1e308}"#, r#"{"iat":9223372036854775807,"exp":1e300}"#] {
        if let Some(life) = Life::of(&jwt(payload), NOW) {
            let _ = (life.is_past_half(NOW), life.left_s(NOW));
        }
    }
}

/// By what they say of themselves; by the times of their files where one of them says nothing.
#[test]
fn of_two_the_one_that_was_issued_later_is_newer() {
    let dir = tempfile::tempdir().unwrap();
    let (kept, named) = (dir.path().join("kept"), dir.path().join("named"));
    let jwt =
        |iat: i64| jwt(&format!(r#"{{"iat":{iat},"exp":{}}}"#, iat + 30 * DAY)).expose_secret().to_owned();
    let now = jiff::Timestamp::now().as_second();
    let newer = |kept_text: &str, named_text: Option<&str>, kept_is_written_later: bool| {
        for (path, age) in [(&kept, 50), (&named, if kept_is_written_later { 90 } else { 10 })] {
            let file = fs::File::create(path).unwrap();
            file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(age)).unwrap();
        }
        is_newer((kept_text, &kept), (named_text, &named))
    };
    for by_files in [true, false] {
        assert!(newer(&jwt(now), Some(&jwt(now - 1)), by_files));
        assert!(!newer(&jwt(now - 1), Some(&jwt(now)), by_files));
        assert!(!newer(&jwt(now), Some(&jwt(now)), by_files), "the same");
        assert_eq!(newer("opaque", Some(&jwt(now)), by_files), by_files);
        assert_eq!(newer(&jwt(now), Some("opaque\n"), by_files), by_files);
        assert!(newer("opaque", None, by_files), "there is no other");
    }
}

#[test]
fn what_no_header_carries_does_not_fit() {
    assert!(fits("eyJ.a-b_c.~"));
    for token in ["", " ", "a b", "a\nb", "a\u{7f}", "t\u{f6}ken"] {
        assert!(!fits(token), "{token:?}");
    }
}
