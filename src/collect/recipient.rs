//! Who has what was sent: a number that changes when nobody who reads on has it any more.

use super::Cx;
use super::schedule::seed;
use crate::config::Target;
use crate::push::file::day_file;

/// Marks of what was sent count for one target: a file of another day, and whoever reads stdout, has none of it.
/// `what` tells kinds of content apart.
pub(super) fn recipient(cx: &Cx, what: &str) -> u64 {
    let url = &cx.config.backend.url;
    let privacy = cx.config.privacy;
    // What went out with its names, or without its texts, is not what is to go out now.
    let shown = match privacy.is_open() {
        true => what.to_owned(),
        false => format!("{what} {privacy:?}"),
    };
    let what = shown.as_str();
    match &cx.config.backend.target {
        Target::Http(_) => seed(&[what, url]),
        Target::File(_) => seed(&[what, url, &day_file(cx.memory.now)]),
        Target::Stdout => seed(&[what, url, &cx.memory.sequence.to_string()]),
    }
}
