//! Figures out of messages: what stands behind a word, or before it.

/// Where a few bytes stand first. Built for short texts: a searcher for long ones takes longer to make than to use.
pub(super) fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    let Some(first) = word.first() else { return Some(0) };
    let mut from = 0;
    while let Some(at) = memchr::memchr(*first, &text[from..]) {
        if text[from + at..].starts_with(word) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// What follows the first `word`.
pub(super) fn after<'a>(text: &'a [u8], word: &str) -> Option<&'a [u8]> {
    let at = find(text, word.as_bytes())?;
    Some(&text[at + word.len()..])
}

/// What stands before the first `word`.
pub(super) fn before<'a>(text: &'a [u8], word: &str) -> Option<&'a [u8]> {
    find(text, word.as_bytes()).map(|at| &text[..at])
}

/// The number that the text begins with.
pub(super) fn number(text: &[u8]) -> Option<f64> {
    let length = text.iter().take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-')).count();
    std::str::from_utf8(&text[..length]).ok()?.trim_end_matches('.').parse().ok()
}

pub(super) fn whole(text: &[u8]) -> Option<u64> {
    let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
    std::str::from_utf8(&text[..length]).ok()?.parse().ok()
}

/// The whole number that the text ends with.
pub(super) fn whole_at_end(text: &[u8]) -> Option<u64> {
    let digits = text.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    whole(&text[text.len() - digits..])
}

/// The whole number in front of a word: `12 buffers`.
pub(super) fn count_of(text: &[u8], word: &str) -> Option<u64> {
    whole_at_end(before(text, word)?)
}
