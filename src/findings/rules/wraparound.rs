//! Transaction ids and multixacts that run out. The server refuses to write 3 million ids before they do.

use super::*;
use crate::findings::words::{count, percent};

/// Of 2^31. From 14 on vacuums drop all else at 1.6 billion (`vacuum_failsafe_age`), which is 75 percent. Half is far beyond
/// what any freezing leaves standing, and some days away on a busy server.
const SHARE: Grades = Grades { notice: NEVER, warning: 50.0, critical: 75.0 };
/// Times `autovacuum_freeze_max_age`: at once that age a vacuum starts that nobody can switch off. Twice it, and none has come
/// through.
const OVERDUE: f64 = 2.0;

pub(in crate::findings) const RULE: Rule =
    Rule { about: "wraparound of transaction ids and multixacts", reads: "pg_replication", find };

struct Ids {
    what: &'static str,
    share: &'static str,
    age: &'static str,
    limit: &'static str,
    left: &'static str,
}

const KINDS: [Ids; 2] = [
    Ids {
        what: "Transaction ids run out",
        share: "percent_until_wraparound",
        age: "xid_age",
        limit: "freeze_max_age",
        left: "xid_until_wraparound",
    },
    Ids {
        what: "Multixact ids run out",
        share: "percent_until_mxid_wraparound",
        age: "mxid_age",
        limit: "multixact_freeze_max_age",
        left: "mxid_until_wraparound",
    },
];

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_replication").filter(|item| item.database.is_none()) {
        for row in item.rows("wraparound_risk") {
            found.extend(KINDS.iter().filter_map(|ids| judge(&item, row, ids)));
        }
    }
}

fn judge(item: &Item, row: Row, ids: &Ids) -> Option<Finding> {
    let (share, age, limit) = (row.number(ids.share)?, row.number(ids.age)?, row.number(ids.limit)?);
    let overdue = (age > OVERDUE * limit).then_some(Severity::Warning);
    let severity = SHARE.of(share).max(overdue)?;
    let left = row.number(ids.left).map(|n| format!(", {} left", count(n))).unwrap_or_default();
    Some(Finding {
        severity,
        what: ids.what,
        place: item.within(row.text("database"), None),
        figure: format!("{} used, age {}{left}", percent(share), count(age)),
        size: share,
        why: "When they are used up, the server takes no more writes until the oldest tables are vacuumed.",
        next: vec![
            Step::Do(
                "end what holds the xmin horizon (see there, if it is listed), then in that database:"
                    .to_owned(),
            ),
            Step::Sql("vacuum (freeze, verbose)".to_owned()),
        ],
    })
}
