//! SHA-256 in hexadecimal digits.

use ring::digest::{Context, SHA256};

/// Of all parts, one after the other.
pub fn sha256<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut context = Context::new(&SHA256);
    parts.into_iter().for_each(|part| context.update(part.as_bytes()));
    context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
