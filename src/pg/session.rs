//! A session: one connection inside one read-only transaction at a time, and the statements of a visit in it.
//!
//! Refuses to send anything without a limit: every transaction opens with its timeouts, in the same message, and
//! local to it, so that a pooler neither objects nor leaks them. Everything sent says that it is ours, BEGIN and COMMIT
//! too. Counts what it costs the server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use postgres::types::{ToSql, Type};
use postgres::{Client, Row, fallible_iterator::FallibleIterator};

use super::failure::Failure;
use super::text;
use crate::collect::Keep;

/// Limits of one server's sessions.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub statement_timeout: Duration,
    pub lock_timeout: Duration,
    pub deadline: Instant,
    /// The role has pg_monitor without inheriting it.
    pub as_monitor: bool,
}

/// What all sessions of one server cost it, in this run.
#[derive(Debug, Default)]
pub struct Spent {
    pub micros: AtomicU64,
    pub statements: AtomicU64,
    pub failed_statements: AtomicU64,
    /// Rows that came and statements that ended: while it grows, the server is not silent.
    pub signs: AtomicU64,
    /// Microseconds that slow parts under way are expected to take.
    pub reserved: AtomicU64,
}

/// Columns that a server turned out not to have, or to refuse, by statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    pub columns: BTreeMap<String, Vec<String>>,
    /// One of them at least is there and refused.
    pub refused: bool,
}

impl Missing {
    /// Takes over what somebody else has learnt as well.
    pub fn learn(&mut self, other: Missing) {
        self.columns.extend(other.columns);
        self.refused |= other.refused;
    }
}

/// What else a session sends, behind the first word: pg_stat_statements keeps it there.
const MARK: &str = "/* pganalytics:session */";

pub struct Session<'a> {
    client: &'a mut Client,
    limits: Limits,
    spent: Arc<Spent>,
    /// Which transaction of the visit this is, from 1.
    pub transaction: u32,
    missing: Missing,
    carried: BTreeMap<u32, Vec<u8>>,
    /// Stands for `:"pgss"` in a statement.
    pub schema: String,
    /// What the part under way wants kept for the next run.
    pub keep: Option<Keep>,
}

pub type Binds<'a> = [(&'a (dyn ToSql + Sync), Type)];

impl<'a> Session<'a> {
    pub fn begin(
        client: &'a mut Client,
        limits: Limits,
        spent: Arc<Spent>,
        missing: Missing,
    ) -> Result<Session<'a>, Failure> {
        let mut session = Session {
            client,
            limits,
            spent,
            transaction: 0,
            missing,
            carried: BTreeMap::new(),
            schema: String::new(),
            keep: None,
        };
        session.open("")?;
        Ok(session)
    }

    /// Ends a failed transaction and opens the next, in one message.
    pub fn restart(&mut self) -> Result<(), Failure> {
        self.open(&format!("rollback {MARK}; "))
    }

    pub fn commit(self) -> Result<Missing, Failure> {
        self.spent.statements.fetch_add(1, Ordering::Relaxed);
        self.client.batch_execute(&format!("commit {MARK}"))?;
        Ok(self.missing)
    }

    /// Leaves fragments for rows that later parts read of the same relations.
    pub fn carry(&mut self, by_oid: BTreeMap<u32, Vec<u8>>) {
        self.carried = by_oid;
    }

    pub fn take_carried(&mut self) -> BTreeMap<u32, Vec<u8>> {
        std::mem::take(&mut self.carried)
    }

    fn open(&mut self, before: &str) -> Result<(), Failure> {
        let left = self.limits.deadline.saturating_duration_since(Instant::now());
        if left < Duration::from_millis(1) {
            return Err(Failure::OutOfTime);
        }
        self.transaction += 1;
        self.spent.statements.fetch_add(4 + u64::from(!before.is_empty()), Ordering::Relaxed);
        let text = format!("{before}{}", opening(&self.limits, left));
        let started = Instant::now();
        let opened = self.client.batch_execute(&text);
        self.charge(started);
        Ok(opened?)
    }

    /// Sends one statement and hands over its rows as they arrive. Columns that the server lacks or refuses are left
    /// out, one failing statement each, and remembered.
    pub fn query(
        &mut self,
        tag: &str,
        sql: &str,
        binds: &Binds,
        mut each: impl FnMut(&Row) -> Result<(), Box<dyn std::error::Error + Sync + Send>>,
    ) -> Result<(), Failure> {
        for _ in 0..8 {
            let known = self.missing.columns.get(tag).map_or(&[][..], Vec::as_slice);
            let sent = text::prepare(tag, sql, known).replace(":\"pgss\"", &self.schema);
            let failure = match self.send(&sent, binds, &mut each) {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let unknown = failure.unknown_name_at().and_then(|at| text::column_at(&sent, at));
            let refused = failure.refusal().and_then(|message| text::column_calling(&sent, message));
            let Some(column) = unknown.or(refused) else { return Err(failure) };
            self.missing.columns.entry(tag.to_owned()).or_default().push(column.to_owned());
            self.missing.refused |= refused.is_some();
            self.restart()?;
        }
        Err(Failure::Value(format!("{tag}: more than 8 columns are unknown to this server")))
    }

    /// Sends a statement with text of somebody else's in it, as it is, with a limit of its own. `fill` stands for the
    /// placeholders, in this order. Whatever comes back, the session must be restarted: what was set by it, the limit
    /// among them, is still in force.
    pub fn foreign(
        &mut self,
        tag: &str,
        sql: &str,
        fill: &[(&str, String)],
        timeout: Duration,
        mut each: impl FnMut(&Row) -> Result<(), Box<dyn std::error::Error + Sync + Send>>,
    ) -> Result<(), Failure> {
        let sent =
            fill.iter().fold(text::prepare(tag, sql, &[]), |sent, (name, value)| sent.replace(name, value));
        self.limit(timeout)?;
        let usual = std::mem::replace(&mut self.limits.statement_timeout, timeout);
        let sent = self.send(&sent, &[], &mut each);
        self.limits.statement_timeout = usual;
        sent
    }

    /// A sign of life where the server is asked for nothing: our own work takes its time.
    pub fn sign(&self) {
        self.spent.signs.fetch_add(1, Ordering::Relaxed);
    }

    pub fn time_left(&self) -> Duration {
        self.limits.deadline.saturating_duration_since(Instant::now())
    }

    pub fn missing(&self, tag: &str) -> Vec<String> {
        self.missing.columns.get(tag).cloned().unwrap_or_default()
    }

    fn send(
        &mut self,
        sent: &str,
        binds: &Binds,
        each: &mut impl FnMut(&Row) -> Result<(), Box<dyn std::error::Error + Sync + Send>>,
    ) -> Result<(), Failure> {
        self.shorten()?;
        self.spent.statements.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let signs = &self.spent.signs;
        let result = stream(self.client, sent, binds, &mut |row| {
            signs.fetch_add(1, Ordering::Relaxed);
            each(row)
        });
        self.charge(started);
        if result.is_err() {
            self.spent.failed_statements.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// Near the deadline a statement may take no longer than what is left.
    fn shorten(&mut self) -> Result<(), Failure> {
        let left = self.limits.deadline.saturating_duration_since(Instant::now());
        if left < Duration::from_millis(1) {
            return Err(Failure::OutOfTime);
        }
        if left < self.limits.statement_timeout {
            self.limit(left)?;
        }
        Ok(())
    }

    /// Not as SET: up to 17 pg_stat_statements would keep an entry for each value. What the opening set is in force
    /// meanwhile.
    fn limit(&mut self, timeout: Duration) -> Result<(), Failure> {
        self.spent.statements.fetch_add(1, Ordering::Relaxed);
        let ms = timeout.as_millis().max(1);
        let text = format!("select {MARK} pg_catalog.set_config('statement_timeout', '{ms}', true)");
        Ok(self.client.batch_execute(&text)?)
    }

    fn charge(&self, since: Instant) {
        let micros = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.spent.micros.fetch_add(micros, Ordering::Relaxed);
        self.spent.signs.fetch_add(1, Ordering::Relaxed);
    }
}

fn stream(
    client: &mut Client,
    sent: &str,
    binds: &Binds,
    each: &mut impl FnMut(&Row) -> Result<(), Box<dyn std::error::Error + Sync + Send>>,
) -> Result<(), Failure> {
    let mut rows = client.query_typed_raw(sent, binds.iter().map(|(value, kind)| (*value, kind.clone())))?;
    while let Some(row) = rows.next()? {
        each(&row)?;
    }
    Ok(())
}

/// One message, the same for every version and every pooler: names that a version lacks drop out by themselves. The
/// two limits that every version has come first and as SET, which reads no catalog: a locked pg_type or pg_proc would
/// hold the select without any limit. A server in SQL_ASCII refuses to send bytes that are no UTF-8 to whoever asks for
/// UTF-8: there we take them as they are.
fn opening(limits: &Limits, left: Duration) -> String {
    let statement_ms = coarse_ms(limits.statement_timeout, left);
    let lock_ms = limits.lock_timeout.as_millis().max(1);
    let left_ms = left.as_millis().max(1);
    let role = if limits.as_monitor { format!("; set {MARK} local role pg_monitor") } else { String::new() };
    format!(
        "begin {MARK} isolation level read committed read only; \
         set {MARK} local lock_timeout = {lock_ms}; set {MARK} local statement_timeout = {statement_ms}; \
         select {MARK} pg_catalog.set_config(n, v, true) from (values \
         ('idle_in_transaction_session_timeout', '{left_ms}'), ('transaction_timeout', '{left_ms}'), \
         ('client_connection_check_interval', '500'), ('jit', 'off'), ('search_path', 'pg_catalog'), \
         ('client_encoding', case pg_catalog.current_setting('server_encoding') \
         when 'SQL_ASCII' then 'SQL_ASCII' else 'UTF8' end)) s(n, v) \
         where pg_catalog.current_setting(n, true) is not null{role}"
    )
}

/// The timeout, or where less is left a power of two below that: each value is an entry of its own in
/// pg_stat_statements up to 17. [`Session::shorten`] sets it exactly.
fn coarse_ms(timeout: Duration, left: Duration) -> u128 {
    let (timeout, left) = (timeout.as_millis().max(1), left.as_millis().max(1));
    if timeout <= left { timeout } else { 1 << left.ilog2() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_of_an_opening_are_few_and_never_longer_than_what_is_left() {
        let coarse = |timeout, left| coarse_ms(Duration::from_millis(timeout), Duration::from_millis(left));
        assert_eq!((coarse(5000, 60_000), coarse(5000, 5000)), (5000, 5000));
        assert_eq!((coarse(5000, 4999), coarse(5000, 1), coarse(0, 0)), (4096, 1, 1));
        let values: std::collections::BTreeSet<u128> = (1..5000).map(|left| coarse(5000, left)).collect();
        assert_eq!(values.len(), 13);
        assert!((1..5000).all(|left| coarse(5000, left) <= u128::from(left)));
    }
}
