//! Fuzz target: connection strings that settings hold, such as primary_conninfo.

use std::collections::BTreeMap;

use super::conninfo as strings;
use crate::fuzz::libpq;

/// Shorter words may stand in what is harmless as well.
const LONG: usize = 7;

/// No word of a password that libpq finds is in what is told, unless it stands elsewhere in the text too.
pub(crate) fn conninfo(data: &[u8]) {
    let Some(text) = std::str::from_utf8(data).ok().filter(|text| !text.contains('\0')) else { return };
    let masked = strings::masked(text);
    let told = masked.as_deref().unwrap_or(text);
    let Some(parameters) = libpq::parsed(text) else { return };
    let is_secret = |keyword: &String| matches!(keyword.as_str(), "password" | "sslpassword" | "options");
    let (secrets, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
        parameters.into_iter().partition(|(keyword, _)| is_secret(keyword));
    // As a value reads, with the first of two that have the same keyword, of which libpq tells the second alone.
    let plain = text.replace('\\', "");
    let once = |word: &&str| text.matches(word).count() < 2 && plain.matches(word).count() < 2;
    for value in secrets.values() {
        let words = value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() >= LONG);
        for word in words.filter(once) {
            let named = secrets.keys().chain(others.values()).any(|harmless| harmless.contains(word));
            assert!(named || !told.contains(word), "{text:?} is told as {told:?}");
        }
    }
}
