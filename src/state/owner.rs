//! Ownership: what root writes by hand, cron's user must be able to use.

use std::fs;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::Path;

use rustix::fs::OFlags;

/// How to open a file that other programs may look for as well, so that no pipe without a reader holds the run. What another
/// user may lay into a folder of theirs must not lead root's own lines elsewhere; an operator's own link is followed.
pub fn careful(folder: &Path) -> i32 {
    let theirs = rustix::process::geteuid().is_root() && fs::metadata(folder).is_ok_and(|m| m.uid() != 0);
    let flags = if theirs { OFlags::NONBLOCK | OFlags::NOFOLLOW } else { OFlags::NONBLOCK };
    flags.bits().cast_signed()
}

/// When root made `path`, it goes to whoever owns `folder`.
pub fn give_to_owner(path: &Path, folder: &Path) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // What belongs to somebody already keeps its owner and group.
    let made_by_root = fs::symlink_metadata(path).is_ok_and(|m| m.uid() == 0);
    if let Ok(owner) = fs::metadata(folder)
        && owner.uid() != 0
        && made_by_root
    {
        // Not being able to is root in a container without that right: the file stays usable by root.
        let _ = lchown(path, Some(owner.uid()), Some(owner.gid()));
    }
}

/// A state directory made by root belongs to the user `pganalytics`, if the host has one.
pub(super) fn give_to_service_user(folder: &Path) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    if let Some((uid, gid)) = passwd.lines().find_map(|line| ids_of(line, "pganalytics")) {
        let _ = lchown(folder, Some(uid), Some(gid));
    }
}

fn ids_of(line: &str, user: &str) -> Option<(u32, u32)> {
    let mut fields = line.split(':');
    if fields.next()? != user {
        return None;
    }
    Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::ids_of;

    #[test]
    fn finds_ids_of_exactly_that_user() {
        assert_eq!(
            ids_of("pganalytics:x:998:997::/var/lib/pganalytics:/bin/false", "pganalytics"),
            Some((998, 997))
        );
        assert_eq!(ids_of("pganalytics2:x:1:2::/:/bin/false", "pganalytics"), None);
        assert_eq!(ids_of("pganalytics:x:abc:2::/:/bin/false", "pganalytics"), None);
        assert_eq!(ids_of("", "pganalytics"), None);
    }
}
