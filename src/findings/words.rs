//! Figures as a person reads them.

use jiff::Timestamp;

pub const KB: f64 = 1024.0;
pub const MB: f64 = 1024.0 * KB;
pub const GB: f64 = 1024.0 * MB;

pub const SECOND_MS: f64 = 1000.0;
pub const MINUTE_MS: f64 = 60.0 * SECOND_MS;
pub const HOUR_MS: f64 = 60.0 * MINUTE_MS;
pub const DAY_MS: f64 = 24.0 * HOUR_MS;

/// In powers of 1024, as the server's own `pg_size_pretty` counts.
pub fn bytes(bytes: f64) -> String {
    let (mut left, mut unit) = (bytes, 0);
    const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];
    while left.abs() >= 1024.0 && unit + 1 < UNITS.len() {
        left /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{left:.0} bytes"),
        _ if left < 10.0 => format!("{left:.1} {}", UNITS[unit]),
        _ => format!("{left:.0} {}", UNITS[unit]),
    }
}

/// The two largest units at most.
pub fn lasting(ms: f64) -> String {
    let s = (ms / SECOND_MS).max(0.0);
    let (whole, minutes, hours) = (s.round() as u64, s as u64 / 60, s as u64 / 3600);
    match whole {
        _ if s < 10.0 => format!("{s:.1} s"),
        0..=119 => format!("{whole} s"),
        _ if minutes < 120 => format!("{minutes} min"),
        _ if hours < 48 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} days", hours / 24),
    }
}

/// With a comma for each thousand.
pub fn count(n: f64) -> String {
    let digits = format!("{:.0}", n.abs());
    let mut text = if n < 0.0 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Never more than there is: what is nearly all is not all.
pub fn percent(share: f64) -> String {
    match share {
        _ if share < 10.0 => format!("{share:.1} %"),
        _ if (99.0..100.0).contains(&share) => format!("{:.2} %", (share * 100.0).floor() / 100.0),
        _ => format!("{share:.0} %"),
    }
}

/// To the minute, in UTC.
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// One of something, or many.
pub fn of(n: usize, one: &str) -> String {
    let many = match one.strip_suffix('x') {
        Some(stem) => format!("{stem}xes"),
        None => format!("{one}s"),
    };
    format!("{} {}", count(n as f64), if n == 1 { one } else { &many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_have_their_unit() {
        assert_eq!([bytes(0.0), bytes(1023.0), bytes(1536.0)], ["0 bytes", "1023 bytes", "1.5 kB"]);
        assert_eq!([bytes(64.0 * MB), bytes(1.25 * GB), bytes(5e15)], ["64 MB", "1.2 GB", "4547 TB"]);
        assert_eq!([lasting(1234.0), lasting(90_000.0), lasting(5_400_000.0)], ["1.2 s", "90 s", "90 min"]);
        assert_eq!([lasting(3.0 * HOUR_MS), lasting(5.5 * DAY_MS)], ["3 h 0 min", "5 days"]);
        assert_eq!([count(0.0), count(999.0), count(-1234567.0)], ["0", "999", "-1,234,567"]);
        assert_eq!(
            [percent(9.94), percent(42.4), percent(99.9999), percent(100.0)],
            ["9.9 %", "42 %", "99.99 %", "100 %"]
        );
        assert_eq!([of(1, "index"), of(2, "index"), of(0, "table")], ["1 index", "2 indexes", "0 tables"]);
    }
}
