//! Moments, of which a column takes only those that come out of it as they went in.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::copy::OLDEST;

/// Only as it is written again, and as the server has it: `2026-11-26T10:11:44.908405Z`, with no zero at the end of a
/// fraction.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.strip_suffix('Z')?.as_bytes().split_at_checked(19)?;
    let number = |from: usize, to: usize| i16::try_from(digits(&whole[from..to])?).ok();
    let small = |from: usize| i8::try_from(number(from, from + 2)?).ok();
    let marks = [whole[4], whole[7], whole[10], whole[13], whole[16]];
    let second = small(17).filter(|second| *second < 60 && marks == *b"--T::")?;
    let (year, month, day) = (number(0, 4)?, small(5)?, small(8)?);
    let at = DateTime::new(year, month, day, small(11)?, small(14)?, second, nanoseconds(fraction)?).ok()?;
    Offset::UTC.to_timestamp(at).ok().filter(|at| *at >= OLDEST)
}

fn nanoseconds(fraction: &[u8]) -> Option<i32> {
    match fraction {
        [] => Some(0),
        [b'.', digits_of @ .., b'1'..=b'9'] if digits_of.len() < 6 => {
            Some(digits(&fraction[1..])? * 10_i32.pow(10 - fraction.len() as u32))
        }
        _ => None,
    }
}

fn digits(text: &[u8]) -> Option<i32> {
    text.iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i32::from(byte - b'0')))
}
