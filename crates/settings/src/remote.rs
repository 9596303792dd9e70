//! What a backend may tell a collector: intervals, switches and limits, each within its bounds. Never a host, a path, an
//! address or a secret, never `[backend]`, `[privacy]`, `[[servers]]` or `[[custom]]`.

use std::path::Path;

use crate::document::{self, Document};
use crate::problem::{Place, Problems, Report};

/// What the text is called in what is said of it.
pub const NAME: &str = "remote.toml";
/// Many times what all keys together take.
pub const LONGEST_BYTES: usize = 64 << 10;

/// Everything in it may be told, or it is refused as a whole.
pub fn read(text: &str) -> Result<Document, Problems> {
    let mut report = Report::new(Path::new(NAME), text);
    let long = text.len() > LONGEST_BYTES;
    if long {
        report.problem(&Place::Byte(0), format!("it is longer than {LONGEST_BYTES} bytes"));
    }
    // Of some megabytes a parser makes hundreds: not even looked at.
    let document = document::read(if long { "" } else { text }, &mut report);
    for (section, key, place) in document.given() {
        if !section.key(key).is_some_and(|key| key.remote) {
            report.problem(&place, format!("[{}] {key} is not for a backend to change", section.name));
        }
    }
    for (name, place) in document.repeated_sections() {
        report.problem(&place, format!("[[{name}]] is not for a backend to change"));
    }
    report.strict();
    report.finish(document).map(|(document, _)| document)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let told = read(text).err().expect("it is refused").to_string();
        assert!(told.contains(expected), "{told}");
    }

    #[test]
    fn intervals_switches_and_limits() {
        let text = "[collector]\ninterval = 120\n[pg_bloat]\nenabled = false\ninterval = 7200\n[pg_stats]\ntables_limit = 100\n\
                    [postgresql]\nquery_stats_limit = 500\n";
        let document = read(text).unwrap();
        assert_eq!(document.int("collector", "interval"), 120);
        assert!(!document.bool("pg_bloat", "enabled"));
        assert!(read("").is_ok(), "nothing is to be changed");
    }

    #[test]
    fn nothing_else() {
        refused("[postgres]\nhost = \"elsewhere\"", "remote.toml:2:");
        refused("[backend]\nurl = \"https://elsewhere\"", "[backend] url is not for a backend to change");
        refused("[collector]\nstate_dir = \"/\"", "state_dir is not");
        refused("[privacy]\nquery_text = \"normalized\"", "query_text is not");
        refused("[[custom]]\nname = \"x\"\nsql = \"select 1\"", "[[custom]] is not");
        refused("[[servers]]\nname = \"x\"", "[[servers]] is not");
        refused("[logging]\nfile_path = \"/x\"", "file_path is not");
        refused("[prometheus]\ntextfile = \"/x\"", "textfile is not");
    }

    #[test]
    fn what_is_wrong_or_unknown_is_refused_not_ignored() {
        refused("[collector]\ninterval = 0", "must be a whole number from 1");
        refused("[collector]\ninterval = \"60\"", "without quotes");
        refused("[collector]\nintervall = 60", "unknown key");
        refused("[pg_blot]\nenabled = true", "unknown section");
        refused("[collector\ninterval = 60", "remote.toml:1:");
        refused(&format!("# {}", "x".repeat(70_000)), "longer than");
    }
}
