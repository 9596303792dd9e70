//! The server's log: what stands between it and us. The grant that would read it by SQL is named with what it gives away,
//! and never proposed.

use wire::{Reason, Verdict};

use super::{Case, Rule};
use crate::collect::pg_log::PG_LOG;
use crate::command::check::finding::Finding;

const WARNING: &str = "let the user that runs this read the log's files on the server's own host. By SQL it takes execute on \
    pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean), and that opens every file of the data directory to the role, \
    password hashes included: it is not proposed here";

pub(super) fn rules(case: &Case) -> Option<Rule> {
    let unread = |o: &&wire::Outcome| o.reason == Some(Reason::Privilege) && o.verdict == Verdict::Skipped;
    let outcome = case.told_of(PG_LOG.name).find(unread)?;
    let why = outcome.detail.as_deref().unwrap_or("the log cannot be read");
    let finding = Finding::advice(format!("{}: {why}; {WARNING}", PG_LOG.name));
    Some(Rule::of(finding, |t| {
        t.place.key.collector == PG_LOG.name && t.outcome.reason == Some(Reason::Privilege)
    }))
}
