//! What is JSON and yet no `jsonb`: told before the database has to refuse it, with the place where it stands.
//!
//! `jsonb` has no U+0000, no lone half of a surrogate pair, and no number beyond its `numeric`; and what is nested too
//! deeply would exhaust whoever reads it.

/// Deeper than anything a collector makes, and harmless to every reader.
const DEPTH: usize = 64;
/// Digits in a number, and places that its exponent moves.
const DIGITS: usize = 512;

/// The reason, and the byte at which it is found: what stands there is not told, as it is what was sent.
pub(super) fn unfit(text: &str) -> Option<(usize, &'static str)> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => match string(bytes, at + 1) {
                Ok(end) => at = end,
                Err(told) => return Some(told),
            },
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH {
                    return Some((at, "it is nested deeper than 64 levels"));
                }
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let end = at + bytes[at..].iter().take_while(|b| in_number(**b)).count();
                if beyond(&text[at..end]) {
                    return Some((at, "the number has too many digits"));
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    None
}

fn in_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

fn beyond(number: &str) -> bool {
    let (digits, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    digits.len() > DIGITS || exponent.parse::<i64>().map_or(true, |e| e.unsigned_abs() > DIGITS as u64)
}

/// From behind the opening quote to behind the closing one.
fn string(bytes: &[u8], mut at: usize) -> Result<usize, (usize, &'static str)> {
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return Ok(at + 1),
            b'\\' if bytes.get(at + 1) == Some(&b'u') => at = escape(bytes, at)?,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    Ok(at)
}

fn escape(bytes: &[u8], at: usize) -> Result<usize, (usize, &'static str)> {
    const HALF: &str = "a string holds half of a surrogate pair";
    match unit(bytes, at) {
        Some(0) => Err((at, "a string holds the character U+0000")),
        Some(0xD800..=0xDBFF) => match unit(bytes, at + 6) {
            Some(0xDC00..=0xDFFF) => Ok(at + 12),
            _ => Err((at, HALF)),
        },
        Some(0xDC00..=0xDFFF) => Err((at, HALF)),
        _ => Ok(at + 6),
    }
}

/// The four hexadecimal digits of an escape that begins here.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(br"\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::unfit;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(unfit(text).map(|(_, why)| why), expected, "{text}");
    }

    #[test]
    fn what_jsonb_takes() {
        for text in [
            r#"{"a":"\ud834\udd1e","b":["\u0001","\\u0000",1e300,-1.5E-7],"c":{}}"#,
            r#""\\\\u0000""#,
            r#""quote \" and \u00e9""#,
            "18446744073709551616",
        ] {
            check(text, None);
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text}");
        }
        check(&("[".repeat(64) + &"]".repeat(64)), None);
        check(&"[1],".repeat(100), None);
    }

    #[test]
    fn what_it_does_not() {
        check(r#"{"a":"x\u0000"}"#, Some("a string holds the character U+0000"));
        check(r#"{"\u0000":1}"#, Some("a string holds the character U+0000"));
        for half in [r#""\ud834""#, r#""\udd1e""#, r#""\ud834\u0041""#, r#""\ud834x""#] {
            check(half, Some("a string holds half of a surrogate pair"));
        }
        check(&("[".repeat(65) + &"]".repeat(65)), Some("it is nested deeper than 64 levels"));
        for number in ["1e513", "-1E-99999999999999999999", &"9".repeat(513)] {
            check(number, Some("the number has too many digits"));
        }
        assert_eq!(unfit(r#"["ok","\u0000"]"#).map(|(at, _)| at), Some(7));
    }
}
