//! Fuzz target: connection strings that settings hold, such as primary_conninfo.

use super::conninfo as strings;
use crate::fuzz::libpq;

/// Shorter words may stand in what is harmless as well.
const LONG: usize = 7;

/// No word of a password that libpq finds is in what is told, unless it stands elsewhere in the text too.
pub(crate) fn conninfo(data: &[u8]) {
    let Some(text) = std::str::from_utf8(data).ok().filter(|text| !text.contains('\0')) else { return };
    let masked = strings::masked(text);
    let told = masked.as_deref().unwrap_or(text);
    let Some(mut secrets) = libpq::parsed(text) else { return };
    secrets.retain(|keyword, _| matches!(keyword.as_str(), "password" | "sslpassword" | "options"));
    for value in secrets.values() {
        let words = value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() >= LONG);
        for word in words.filter(|word| text.matches(word).count() < 2) {
            let keyword = secrets.keys().any(|keyword| keyword.contains(word));
            assert!(keyword || !told.contains(word), "{text:?} is told as {told:?}");
        }
    }
}
