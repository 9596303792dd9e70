//! Fuzz target: names in the spool's folder, which others may have put there.

use super::{ENDING, name_of, parse_name};

/// A name is left alone, or says where its batch stands, stays within the folder, and comes back from what it says. Names as
/// we write them are sorted as their batches are.
pub(crate) fn spool(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let names: Vec<&str> = text.split('\n').take(2).collect();
    let read: Vec<(u64, String)> = names.iter().filter_map(|name| said(name)).collect();
    for (sequence, id) in &read {
        assert!(!id.is_empty() && !id.contains(['/', '\0']));
        let written = name_of(*sequence, id);
        assert!(written.ends_with(ENDING) && said(&written).as_ref() == Some(&(*sequence, id.clone())));
    }
    if let [first, second] = &read[..]
        && first.0.max(second.0) < 1_000_000_000
        && first.0 != second.0
    {
        assert_eq!(first.cmp(second), name_of(first.0, &first.1).cmp(&name_of(second.0, &second.1)));
    }
}

fn said(name: &str) -> Option<(u64, String)> {
    parse_name(name).map(|(sequence, id)| (sequence, id.to_owned()))
}
