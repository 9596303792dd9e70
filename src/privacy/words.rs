//! Words that are nobody's names: those of SQL, and those of pg_hba.conf. A thing that somebody called like one of them
//! shows that much of its name inside of SQL.

use std::collections::HashSet;
use std::sync::LazyLock;

/// In pg_hba.conf, for databases and roles.
pub(super) const EVERYBODY: &[&str] = &["all", "sameuser", "samerole", "samegroup", "replication"];
/// In pg_hba.conf, for addresses.
pub(super) const ADDRESSES: &[&str] = &["all", "samehost", "samenet"];

/// Keywords of PostgreSQL 18, its types and index methods.
static SQL: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("words.txt").split_whitespace().collect());

pub(super) fn is_of_sql(lower: &str) -> bool {
    SQL.contains(lower)
}
