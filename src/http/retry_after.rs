//! `Retry-After`: seconds or a date, made into a wait of at most an hour.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::{rfc2822, strtime};
use jiff::tz::TimeZone;

const LONGEST: Duration = Duration::from_secs(3600);

/// `None` where the value is neither; a date that has passed asks for no wait.
pub(super) fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // more digits than fit are still a long time
        value.parse().map_or(LONGEST, Duration::from_secs)
    } else {
        Duration::try_from(date(value)?.duration_since(now)).unwrap_or_default()
    };
    Some(wait.min(LONGEST))
}

/// A date in any of the three forms that RFC 9110 has a recipient read.
pub(super) fn date(value: &str) -> Option<Timestamp> {
    let value = value.trim();
    rfc2822::parse(value).map(|date| date.timestamp()).ok().or_else(|| {
        ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"].iter().find_map(|format| {
            let broken = strtime::parse(format, value).ok()?;
            Some(broken.to_datetime().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
        })
    })
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn seconds_and_dates() {
        fn check(value: &str, expected_s: Option<u64>) {
            let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
            assert_eq!(parse(value, now), expected_s.map(Duration::from_secs), "{value:?}");
        }
        check("0", Some(0));
        check("120", Some(120));
        check(" 7 ", Some(7));
        check("3600", Some(3600));
        check("3601", Some(3600));
        check("99999999999999999999999999", Some(3600));
        check("", None);
        check("-1", None);
        check("1.5", None);
        check("soon", None);
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(37));
        check("Sunday, 06-Nov-94 08:49:37 GMT", Some(37));
        check("Sun Nov  6 08:49:37 1994", Some(37));
        check("Sun, 06 Nov 1994 08:48:00 GMT", Some(0));
        check("Mon, 07 Nov 1994 08:49:37 GMT", Some(3600));
        check("Sun, 36 Nov 1994 08:49:37 GMT", None);
    }

    proptest! {
        #[test]
        fn any_value_is_read_or_left_and_never_waits_longer_than_an_hour(value: String, now_s in -1_000_000_000i64..4_000_000_000) {
            let now = Timestamp::from_second(now_s).unwrap();
            prop_assert!(parse(&value, now).is_none_or(|wait| wait <= LONGEST));
        }

        #[test]
        fn a_date_within_the_hour_is_waited_for_exactly(now_s in 0i64..4_000_000_000, ahead_s in 0u64..3600) {
            let now = Timestamp::from_second(now_s).unwrap();
            let then = Timestamp::from_second(now_s + ahead_s as i64).unwrap();
            let text = then.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            prop_assert_eq!(parse(&text, now), Some(Duration::from_secs(ahead_s)));
        }
    }
}
