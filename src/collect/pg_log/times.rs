//! The instants that entries bear, in microseconds since 1970.
//!
//! A log says the local time of `log_timezone` and the zone's short name. The zone's rules come from this host; without
//! them the server's difference from UTC at this moment stands for all times.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

pub(super) struct Clock {
    zone: TimeZone,
    /// The hour that was asked for last, and its difference from UTC: most entries are of the same.
    known: Option<([u8; 13], i64)>,
}

impl Clock {
    pub(super) fn new(zone: &str, offset_s: i32) -> Clock {
        let fixed = || TimeZone::fixed(Offset::from_seconds(offset_s).unwrap_or(Offset::UTC));
        Clock { zone: TimeZone::get(zone).unwrap_or_else(|_| fixed()), known: None }
    }

    pub(super) fn read(&mut self, text: &[u8]) -> Option<i64> {
        match text.get(4) {
            Some(b'-') => self.local(text),
            _ => epoch(text),
        }
    }

    fn local(&mut self, text: &[u8]) -> Option<i64> {
        let number = |from: usize, to: usize| digits(text.get(from..to)?);
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let fraction = text.get(19).filter(|b| **b == b'.').map_or(0, |_| micros(&text[20..]));
        let abbreviation = text[19..].iter().position(|b| *b == b' ').map_or(&b""[..], |at| &text[20 + at..]);
        let days = days_from_civil(year, month, day);
        let naive = ((days * 24 + hour) * 60 + minute) * 60 + second;
        let offset = match abbreviation {
            b"UTC" | b"GMT" => 0,
            _ => self.offset(*text.first_chunk()?, [year, month, day, hour, minute], abbreviation)?,
        };
        Some((naive - offset) * 1_000_000 + fraction)
    }

    /// In the hour that comes twice the name of the zone tells which is meant.
    fn offset(&mut self, hour: [u8; 13], at: [i64; 5], abbreviation: &[u8]) -> Option<i64> {
        if let Some((_, offset)) = self.known.filter(|(known, _)| *known == hour) {
            return Some(offset);
        }
        let [year, month, day, h, minute] = at.map(|n| i8::try_from(n).unwrap_or_default());
        let year = i16::try_from(at[0]).unwrap_or(i16::from(year));
        let local = DateTime::new(year, month, day, h, minute, 0, 0).ok()?;
        let both = self.zone.to_ambiguous_timestamp(local);
        let twice = both.is_ambiguous();
        let [first, second] = [both.earlier().ok()?, both.later().ok()?];
        let named =
            |t: &jiff::Timestamp| self.zone.to_offset_info(*t).abbreviation().as_bytes() == abbreviation;
        let moment = if twice && !named(&first) && named(&second) { second } else { first };
        let offset = i64::from(self.zone.to_offset(moment).seconds());
        self.known = (!twice).then_some((hour, offset));
        Some(offset)
    }
}

/// `1770000000.123`
fn epoch(text: &[u8]) -> Option<i64> {
    let dot = text.iter().position(|b| *b == b'.').unwrap_or(text.len());
    let seconds = digits(&text[..dot]).filter(|_| (1..=11).contains(&dot))?;
    Some(seconds * 1_000_000 + text.get(dot + 1..).map_or(0, micros))
}

fn digits(text: &[u8]) -> Option<i64> {
    let all = text.iter().all(u8::is_ascii_digit) && !text.is_empty() && text.len() < 18;
    all.then(|| text.iter().fold(0, |n, b| n * 10 + i64::from(b - b'0')))
}

/// The digits of a fraction, as many as there are.
fn micros(text: &[u8]) -> i64 {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).take(6);
    let (value, count) = digits.fold((0, 0), |(n, c), b| (n * 10 + i64::from(b - b'0'), c + 1));
    value * 10i64.pow(6 - count)
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

pub(super) fn written(at_us: i64) -> String {
    jiff::Timestamp::from_microsecond(at_us).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_every_form() {
        let mut utc = Clock::new("Etc/UTC", 0);
        let of = |clock: &mut Clock, text: &str| clock.read(text.as_bytes()).map(written);
        assert_eq!(of(&mut utc, "2026-02-03 04:05:06.789 UTC").unwrap(), "2026-02-03T04:05:06.789Z");
        assert_eq!(of(&mut utc, "2024-02-29 00:00:00 GMT").unwrap(), "2024-02-29T00:00:00Z");
        assert_eq!(of(&mut utc, "1770000000.5").unwrap(), "2026-02-02T02:40:00.5Z");
        for none in ["", "x", "2026-02-03", "2026-02-03 04:05", "12345678901234567890", ".5"] {
            assert_eq!(of(&mut utc, none), None, "{none}");
        }
    }

    #[test]
    fn the_zone_is_the_servers() {
        let mut berlin = Clock::new("Europe/Berlin", 3600);
        let mut of = |text: &str| berlin.read(text.as_bytes()).map(written).unwrap();
        assert_eq!(of("2026-07-01 12:00:00.001 CEST"), "2026-07-01T10:00:00.001Z");
        assert_eq!(of("2026-07-01 12:59:59 CEST"), "2026-07-01T10:59:59Z");
        assert_eq!(of("2026-12-01 12:00:00 CET"), "2026-12-01T11:00:00Z");
        assert_eq!(of("2026-10-25 02:30:00 CEST"), "2026-10-25T00:30:00Z", "the hour that comes twice");
        assert_eq!(of("2026-10-25 02:30:00 CET"), "2026-10-25T01:30:00Z");
        let mut unknown = Clock::new("No/Where", 7200);
        assert_eq!(unknown.read(b"1970-01-01 02:00:01 XYZ"), Some(1_000_000));
    }
}
