//! Rows to JSON: the only conversion of the server's values in the program.
//!
//! Binary values of an allow-list of types; anything else is a defect of our SQL and fails the part. NULL leaves the
//! column out: absent means that the server does not know. Text is made valid UTF-8, as a SQL_ASCII database may hold
//! anything. Times are RFC 3339 in UTC, float8 columns are milliseconds or percents and keep three decimals.

use std::error::Error;
use std::io::Write;

use postgres::Row;
use postgres::types::{FromSql, Type};

/// Seconds between 1970 and the server's epoch, 2000.
const EPOCH_2000_S: i64 = 946_684_800;

/// A value as it came over the wire.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Raw<'a>, Box<dyn Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Microseconds since 1970 of a timestamptz.
pub struct Micros(pub i64);

impl<'a> FromSql<'a> for Micros {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Micros> {
        Ok(Micros(i64::from_be_bytes(raw.try_into()?).saturating_add(EPOCH_2000_S * 1_000_000)))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TIMESTAMPTZ
    }
}

/// Text of whatever encoding, made valid UTF-8.
pub struct Lossy(pub String);

impl<'a> FromSql<'a> for Lossy {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Lossy> {
        Ok(Lossy(String::from_utf8_lossy(raw).into_owned()))
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::TEXT | Type::NAME | Type::VARCHAR)
    }
}

type Result<T, E = Box<dyn Error + Sync + Send>> = std::result::Result<T, E>;

/// Appends `"column":value` for each column from `first` on that is not NULL, without braces. Columns whose names
/// begin with an underscore are for the collector, and stay.
pub fn fields(row: &Row, first: usize, out: &mut Vec<u8>) -> Result<()> {
    edited_fields(row, first, out, |_, _| Edit::Keep)
}

/// A column that this server may lack, or know nothing to say in.
pub fn optional<'r, T: FromSql<'r>>(row: &'r Row, column: &str) -> Result<Option<T>, postgres::Error> {
    match row.columns().iter().any(|c| c.name() == column) {
        true => row.try_get(column),
        false => Ok(None),
    }
}

/// As [`optional`], for text of whatever encoding.
pub fn optional_text(row: &Row, column: &str) -> Result<Option<String>, postgres::Error> {
    Ok(optional::<Lossy>(row, column)?.map(|text| text.0))
}

/// What becomes of a text on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    Keep,
    LeaveOut,
    Replace(String),
}

/// As [`fields`]; `edit` is asked about each column of text, by its name and bytes.
pub fn edited_fields(
    row: &Row,
    first: usize,
    out: &mut Vec<u8>,
    edit: impl Fn(&str, &[u8]) -> Edit,
) -> Result<()> {
    for (n, column) in row.columns().iter().enumerate().skip(first) {
        if column.name().starts_with('_') {
            continue;
        }
        let Some(Raw(raw)) = row.try_get::<_, Option<Raw>>(n)? else { continue };
        let edit = if *column.type_() == Type::TEXT { edit(column.name(), raw) } else { Edit::Keep };
        if edit == Edit::LeaveOut {
            continue;
        }
        if out.last().is_some_and(|b| !matches!(b, b'{' | b'[')) {
            out.push(b',');
        }
        string(column.name().as_bytes(), out);
        out.push(b':');
        match edit {
            Edit::Replace(text) => string(text.as_bytes(), out),
            _ => value(column.type_(), raw, out).map_err(|e| format!("column {}: {e}", column.name()))?,
        }
    }
    Ok(())
}

fn value(kind: &Type, raw: &[u8], out: &mut Vec<u8>) -> Result<()> {
    match *kind {
        Type::BOOL => out.extend_from_slice(if raw == [1] { b"true" } else { b"false" }),
        Type::INT2 => integer(i16::from_be_bytes(raw.try_into()?), out),
        Type::INT4 => integer(i32::from_be_bytes(raw.try_into()?), out),
        Type::INT8 => integer(i64::from_be_bytes(raw.try_into()?), out),
        Type::OID => integer(u32::from_be_bytes(raw.try_into()?), out),
        Type::FLOAT8 => float(f64::from_be_bytes(raw.try_into()?), out),
        Type::TIMESTAMPTZ => timestamp(i64::from_be_bytes(raw.try_into()?), out)?,
        Type::TEXT | Type::NAME => string(raw, out),
        Type::JSON => {
            // Parsed as a reader would, so that what a hostile function returns cannot break the batch: type json takes
            // numbers beyond a double and lone surrogates as well.
            let _: serde_json::Value = serde_json::from_slice(raw)?;
            out.extend_from_slice(raw.trim_ascii());
        }
        _ => return Err(format!("type {kind} is not on the list; cast it in the SQL").into()),
    }
    Ok(())
}

/// By way of serde_json, which is faster at it than the standard library's formatting.
fn integer(value: impl Into<i64>, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, &value.into());
}

/// NaN and infinities have no JSON: null.
pub fn float(value: f64, out: &mut Vec<u8>) {
    // Beyond, thousandths are not what a double can hold.
    let short = if value.abs() < 1e12 { (value * 1000.0).round() / 1000.0 } else { value };
    // Writing to a Vec cannot fail, and serde_json writes non-finite numbers as null.
    let _ = serde_json::to_writer(out, &short);
}

fn timestamp(micros_since_2000: i64, out: &mut Vec<u8>) -> Result<()> {
    match micros_since_2000 {
        i64::MAX => out.extend_from_slice(b"\"infinity\""),
        i64::MIN => out.extend_from_slice(b"\"-infinity\""),
        micros => {
            let since_1970 = micros.saturating_add(EPOCH_2000_S * 1_000_000);
            match jiff::Timestamp::from_microsecond(since_1970) {
                Ok(at) => write!(out, "\"{at}\"")?,
                Err(_) => far(micros, out)?,
            }
        }
    }
    Ok(())
}

/// The last day of 9999, which stands for "never" in many a database, is no instant to the library, but a time all the
/// same. A year of five digits RFC 3339 cannot tell: as good as never.
fn far(micros_since_2000: i64, out: &mut Vec<u8>) -> Result<()> {
    let since = jiff::SignedDuration::from_micros(micros_since_2000);
    match jiff::civil::date(2000, 1, 1).at(0, 0, 0, 0).checked_add(since) {
        Ok(at) => write!(out, "\"{at}Z\"")?,
        Err(_) if micros_since_2000 > 0 => out.extend_from_slice(b"\"infinity\""),
        Err(_) => return Err("timestamp out of range".into()),
    }
    Ok(())
}

/// A JSON string of any bytes: what is no UTF-8 becomes U+FFFD.
pub fn string(bytes: &[u8], out: &mut Vec<u8>) {
    // Nearly all that comes is names, which need neither checks nor escapes.
    if is_plain(bytes) {
        out.push(b'"');
        out.extend_from_slice(bytes);
        out.push(b'"');
        return;
    }
    let text = String::from_utf8_lossy(bytes);
    let _ = serde_json::to_writer(out, &*text);
}

/// ASCII that JSON takes as it is. Eight bytes at a time: each name of each value passes here.
fn is_plain(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [b' '; 8];
    last[..rest.len()].copy_from_slice(rest);
    words.iter().chain([&last]).all(|word| is_plain_word(u64::from_ne_bytes(*word)))
}

fn is_plain_word(word: u64) -> bool {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = EACH << 7;
    // The high bit of some byte is set if any byte is less than `n`, which is at most 128.
    let below = |word: u64, n: u64| word.wrapping_sub(EACH * n) & !word & HIGH;
    let equal = |byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    (word & HIGH) | below(word, 0x20) | equal(b'"') | equal(b'\\') == 0
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(kind: Type, raw: &[u8]) -> String {
        let mut out = Vec::new();
        value(&kind, raw, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_type_as_readers_expect_it() {
        let cases: Vec<(Type, Vec<u8>, &str)> = vec![
            (Type::BOOL, vec![1], "true"),
            (Type::BOOL, vec![0], "false"),
            (Type::INT2, (-7i16).to_be_bytes().to_vec(), "-7"),
            (Type::INT4, i32::MIN.to_be_bytes().to_vec(), "-2147483648"),
            (Type::INT8, i64::MAX.to_be_bytes().to_vec(), "9223372036854775807"),
            (Type::OID, u32::MAX.to_be_bytes().to_vec(), "4294967295"),
            (Type::FLOAT8, 1.23456f64.to_be_bytes().to_vec(), "1.235"),
            (Type::FLOAT8, 1e300f64.to_be_bytes().to_vec(), "1e+300"),
            (Type::FLOAT8, f64::NAN.to_be_bytes().to_vec(), "null"),
            (Type::FLOAT8, f64::INFINITY.to_be_bytes().to_vec(), "null"),
            (Type::TIMESTAMPTZ, 0i64.to_be_bytes().to_vec(), "\"2000-01-01T00:00:00Z\""),
            (Type::TIMESTAMPTZ, 1_500_000i64.to_be_bytes().to_vec(), "\"2000-01-01T00:00:01.5Z\""),
            (Type::TIMESTAMPTZ, i64::MAX.to_be_bytes().to_vec(), "\"infinity\""),
            // '9999-12-31', and the last and the first that the server knows.
            (
                Type::TIMESTAMPTZ,
                252_455_529_600_000_000_i64.to_be_bytes().to_vec(),
                "\"9999-12-31T00:00:00Z\"",
            ),
            (Type::TIMESTAMPTZ, 9_223_371_331_199_999_999_i64.to_be_bytes().to_vec(), "\"infinity\""),
            (
                Type::TIMESTAMPTZ,
                (-211_813_488_000_000_000_i64).to_be_bytes().to_vec(),
                "\"-004713-11-24T00:00:00Z\"",
            ),
            (Type::TEXT, b"a\"b\\\n\x01\x1b".to_vec(), r#""a\"b\\\n\u0001\u001b""#),
            (Type::TEXT, b"caf\xe9".to_vec(), "\"caf\u{fffd}\""),
            (Type::JSON, b" {\"a\": 1} ".to_vec(), "{\"a\": 1}"),
        ];
        for (kind, raw, expected) in cases {
            assert_eq!(encoded(kind.clone(), &raw), expected, "{kind}");
        }
    }

    #[test]
    fn what_is_not_on_the_list_fails() {
        for (kind, raw) in [
            (Type::NUMERIC, &b"1"[..]),
            (Type::INT4, b"123"),
            (Type::JSON, b"{\"a\":1}}"),
            (Type::JSON, b"\"\\ud800\""),
            (Type::JSON, b"1e400"),
        ] {
            assert!(value(&kind, raw, &mut Vec::new()).is_err(), "{kind}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_make_one_json_string(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut out = Vec::new();
            string(&bytes, &mut out);
            let back: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(back, String::from_utf8_lossy(&bytes).into_owned());
        }

        #[test]
        fn what_is_written_as_it_came_needs_no_escape(bytes in proptest::collection::vec(0u8..=130, 0..30)) {
            let plain = bytes.iter().all(|b| matches!(b, 0x20..=0x7f) && !matches!(b, b'"' | b'\\'));
            prop_assert_eq!(is_plain(&bytes), plain);
        }

        #[test]
        fn any_float_makes_valid_json(bits in any::<u64>()) {
            let mut out = Vec::new();
            float(f64::from_bits(bits), &mut out);
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
        }
    }
}
