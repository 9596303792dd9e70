//! What a backend told this collector, kept in the state directory and laid over the file: intervals, switches and limits,
//! checked by the rules that the file is checked by. What cannot be used leaves the file standing alone, and says so.

use std::io::ErrorKind;
use std::path::Path;

use settings::document::Document;
use settings::remote;

use crate::state::read_text;

/// In the state directory.
pub const FILE: &str = "remote.toml";

/// `None`: nothing was told. An error is one sentence, and no reason to stop.
pub(super) fn cached(state_dir: &Path) -> Option<Result<Document, String>> {
    let path = state_dir.join(FILE);
    let told = |what: String| format!("{}: {what}; the configuration file stands alone", path.display());
    match read_text(&path) {
        Ok(text) => Some(remote::read(&text).map_err(|problems| told(problems.to_string()))),
        Err(e) if e.kind() == ErrorKind::NotFound => None,
        Err(e) => Some(Err(told(e.to_string()))),
    }
}
