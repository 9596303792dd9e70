//! Fuzz target: a header of whoever answers.

use std::time::Duration;

use jiff::Timestamp;

use super::{LONGEST, date, parse};

/// The first bytes are the time now. A value is left or makes a wait within bounds; digits alone are seconds, a date is waited
/// for, and spaces around a value mean nothing.
pub(crate) fn retry_after(data: &[u8]) {
    let Some((now, value)) = data.split_first_chunk::<4>() else { return };
    let Ok(value) = std::str::from_utf8(value) else { return };
    let now = Timestamp::from_second(i64::from(i32::from_le_bytes(*now))).expect("within centuries");
    let wait = parse(value, now);
    assert_eq!(parse(&format!("\t {value} "), now), wait);
    let digits = value.trim();
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = digits.parse().map_or(LONGEST, Duration::from_secs);
        return assert_eq!(wait, Some(seconds.min(LONGEST)));
    }
    let Some(then) = date(value) else {
        return assert_eq!(wait, None);
    };
    let ahead_s = u64::try_from(then.as_second() - now.as_second()).unwrap_or_default();
    assert_eq!(wait, Some(Duration::from_secs(ahead_s).min(LONGEST)));
    // All three forms that there are say the same instant, those with a century at least.
    for form in ["%a, %d %b %Y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"] {
        let written = then.strftime(form).to_string();
        assert!(then.as_second() < 0 || date(&written) == Some(then), "{written}");
    }
}
