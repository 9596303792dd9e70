//! Filesystems that are nearly full, those of a server's own places first.

use std::collections::BTreeSet;

use super::*;
use crate::findings::words::{bytes, count, percent};

/// Percent of what an ordinary user may fill. A full disk stops the server; the last tenth is what is left to act in.
const SERVERS: Grades = Grades { notice: NEVER, warning: 90.0, critical: 95.0 };
/// Others stop nothing of the server's.
const OTHERS: Grades = Grades { notice: 95.0, warning: NEVER, critical: NEVER };

pub(in crate::findings) const RULE: Rule = Rule { about: "full disks", reads: "disk_usage", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("disk_usage") {
        // A filesystem with several places is told once.
        let mut mounts: BTreeSet<&str> = BTreeSet::new();
        for place in item.rows("places") {
            let mount = place.text("mount").or(place.text("path"));
            if mount.is_none_or(|mount| mounts.insert(mount)) {
                let mount = mount.unwrap_or(HIDDEN);
                let label = place.text("label").unwrap_or("data");
                found.extend(space(&item, place, &format!("{mount} ({label})"), &SERVERS));
            }
        }
        for filesystem in item.rows("filesystems").filter(|row| row.yes("read_only") != Some(true)) {
            let mount = filesystem.text("mount").unwrap_or(HIDDEN);
            let servers = mounts.contains(mount);
            if !servers {
                found.extend(space(&item, filesystem, mount, &OTHERS));
            }
            found.extend(inodes(&item, filesystem, mount, if servers { &SERVERS } else { &OTHERS }));
        }
    }
}

fn space(item: &Item, row: Row, object: &str, grades: &Grades) -> Option<Finding> {
    let used = row.number("percent_used")?;
    let free = row.number("free_bytes").map(|free| format!(", {} free", bytes(free))).unwrap_or_default();
    Some(Finding {
        severity: grades.of(used)?,
        what: "Disk nearly full",
        place: item.object(object),
        figure: format!("{} used{free}", percent(used)),
        size: used,
        why: "Without room for WAL the server stops; without room for data statements fail.",
        next: advice(
            "look for slots that retain WAL and a failing archiver above, then for what else grew: du -x",
        ),
    })
}

fn inodes(item: &Item, row: Row, object: &str, grades: &Grades) -> Option<Finding> {
    let row = row.inner("inodes")?;
    let used = row.number("percent_used")?;
    let free = row.number("free").map(|free| format!(", {} free", count(free))).unwrap_or_default();
    Some(Finding {
        severity: grades.of(used)?,
        what: "Inodes nearly used up",
        place: item.object(object),
        figure: format!("{} used{free}", percent(used)),
        size: used,
        why: "Without inodes no file can be made, however much space is free.",
        next: advice("find the directory with the many small files: du --inodes -x"),
    })
}
