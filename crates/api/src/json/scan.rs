//! Where a string ends, or a run of white space.

/// Behind the end there is one that JSON has nowhere.
#[inline]
pub(super) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

#[inline]
pub(super) fn space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(byte(bytes, at), b' ' | b'\n' | b'\t' | b'\r') {
        at += 1;
    }
    at
}

/// The next byte that a string does not hold as it is: a quote, a backslash, a control character.
pub(super) fn special(bytes: &[u8], mut at: usize) -> usize {
    while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let found = specials(u64::from_le_bytes(*eight));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|byte| !matches!(byte, b'"' | b'\\' | ..0x20)) {
        at += 1;
    }
    at
}

/// The highest bit of each of eight bytes that is special, up to the first one; behind it others may be marked, too.
fn specials(eight: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let below = |bound: u8, bytes: u64| bytes.wrapping_sub(ONES * u64::from(bound)) & !bytes;
    let equal = |byte: u8| below(1, eight ^ (ONES * u64::from(byte)));
    (below(0x20, eight) | equal(b'"') | equal(b'\\')) & (ONES << 7)
}
