//! A visit: one connection to one database, its due parts in order of value, in read-only transactions.
//!
//! Runs on a worker that nobody waits for. Every part answers, whatever becomes of it: an error costs that part, a
//! panic costs it and its connection, a lost connection is opened once more, a refusal answers for all parts.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wire::{Outcome, Reason, Verdict};

use super::custom;
use super::part::{Done, Fragment};
use super::plan::{Planned, Visit};
use super::refused;
use super::seek;
use super::sql;
use super::{Cx, Ended, Keep, Memory, Need, Placed, Run};
use crate::config::{Config, Databases, Server};
use crate::pg::failure::Failure;
use crate::pg::pool::{Held, Pool};
use crate::pg::probe::Facts;
use crate::pg::progress::Progress;
use crate::pg::refusal::{Kind, Refusal, Scope};
use crate::pg::session::{Limits, Missing, Session, Spent};

/// What a visit shares with the others of its server.
#[derive(Clone)]
pub struct Ground {
    pub config: Arc<Config>,
    pub server: Arc<Server>,
    pub facts: Arc<Facts>,
    pub pool: Pool,
    pub spent: Arc<Spent>,
    /// Milliseconds of the server's time that this run may spend; `None`: no bound.
    pub budget_ms: Option<f64>,
    pub deadline: Instant,
    /// Set when the run is to end: nothing new is begun.
    pub stop: Arc<AtomicBool>,
    pub databases: Arc<Vec<String>>,
    pub missing: Missing,
    /// The database of this visit is asked whether it has the extension that the probe's lacks.
    pub seeks: bool,
    pub cancels: super::cancel::Cancels,
    pub memory: Arc<Memory>,
    /// Of this visit's connection.
    pub progress: Arc<Progress>,
}

/// One part's answer on its way to the coordinator.
pub struct Answer {
    pub planned: Planned,
    pub placed: Vec<Placed>,
    pub keep: Option<Keep>,
    pub took: Duration,
    /// It was asked on a connection that this run had open already.
    pub reused: bool,
    /// It was really asked: the schedule may move on.
    pub ran: bool,
}

/// How a visit ended.
#[derive(Default)]
pub struct Ending {
    pub refusal: Option<Refusal>,
    pub opened: Vec<Duration>,
    pub missing: Missing,
    /// The version of the extension that was sought.
    pub found: Option<String>,
    /// Parts that did not end as they should.
    pub ended: Vec<Ended>,
}

impl Ending {
    fn note<'a>(&mut self, planned: &Planned, mut outcomes: impl Iterator<Item = &'a Outcome>) {
        if let Some(outcome) = outcomes.find(|o| o.verdict != Verdict::Ok) {
            let Planned { collector, part, .. } = planned;
            self.ended.push(Ended { collector, part: part.key, outcome: outcome.clone() });
        }
    }
}

pub fn run(
    visit: &Visit,
    ground: &Ground,
    held: Option<Held>,
    mut answer: impl FnMut(Answer),
) -> (Ending, Option<Held>) {
    match held.map(Ok).unwrap_or_else(|| ground.pool.get()) {
        Ok(mut held) => (with_slot(visit, ground, &mut held, &mut answer), Some(held)),
        Err(e) => {
            log::error!("Failed to acquire connection from pool of server {}: {e}", ground.server.name);
            answer_all(&visit.parts, &Outcome::skipped(Reason::OutOfTime), &mut answer);
            (Ending::default(), None)
        }
    }
}

fn with_slot(visit: &Visit, ground: &Ground, held: &mut Held, answer: &mut impl FnMut(Answer)) -> Ending {
    let mut ending = Ending::default();
    let mut rest = Rest { parts: &visit.parts, asked: None, discard: false };
    // One reconnection: for what a panic or a lost connection left undone.
    for attempt in 0..2 {
        let opened_before = held.is_open_on(&visit.database);
        let started = Instant::now();
        let connection = match held.open(&ground.server, &visit.database, ground.deadline, &ground.progress) {
            Ok(connection) => connection,
            Err(refusal) => {
                answer_all(rest.parts, &of_refusal(&refusal, &ground.server.databases), answer);
                ending.refusal = Some(refusal);
                return ending;
            }
        };
        if !opened_before {
            ending.opened.push(started.elapsed());
        }
        let cancel = ground.cancels.register(connection.canceller());
        let client = &mut connection.client;
        rest = parts(rest.settled(answer), ground, client, opened_before || attempt > 0, answer, &mut ending);
        ground.cancels.forget(cancel);
        if rest.discard {
            held.close();
        }
        if rest.parts.is_empty() {
            return ending;
        }
    }
    let lost = Outcome::failed(Reason::ConnectionLost);
    answer_all(rest.settled(answer), &lost, answer);
    ending
}

/// What a broken connection left undone.
struct Rest<'p> {
    parts: &'p [Planned],
    /// What became of the first of them, if it was under way. It is not asked twice: somebody may have ended it for
    /// what it did. But if the next attempt shows that the whole database is gone, that is its outcome too.
    asked: Option<(Outcome, Duration)>,
    /// The connection is not to be used again.
    discard: bool,
}

impl<'p> Rest<'p> {
    const NONE: Rest<'static> = Rest { parts: &[], asked: None, discard: false };

    /// Answers for the part that was under way, and gives back those that were not.
    fn settled(self, answer: &mut impl FnMut(Answer)) -> &'p [Planned] {
        match (self.asked, self.parts.split_first()) {
            (Some((outcome, took)), Some((first, others))) => {
                answer(answered(first, &outcome, took, true));
                others
            }
            _ => self.parts,
        }
    }
}

/// Works the parts off; gives back those that another connection could still answer.
fn parts<'p>(
    parts: &'p [Planned],
    ground: &Ground,
    client: &mut postgres::Client,
    mut reused: bool,
    answer: &mut impl FnMut(Answer),
    ending: &mut Ending,
) -> Rest<'p> {
    let begun = Session::begin(client, limits(ground), ground.spent.clone(), ground.missing.clone());
    let mut session = match begun {
        Ok(session) => session,
        Err(failure) => return unbegun(parts, &failure, answer),
    };
    let mut catalog_locks = 0;
    for (n, planned) in parts.iter().enumerate() {
        let admitted = match planned.part.run {
            Run::Told(_) => Ok(0),
            _ => unasked(ground, catalog_locks).map_or_else(|| within_budget(planned, ground), Err),
        };
        let reserved = match admitted {
            Ok(reserved) => reserved,
            Err(outcome) => {
                ending.note(planned, std::iter::once(&outcome));
                answer_all(std::slice::from_ref(planned), &outcome, answer);
                continue;
            }
        };
        let started = Instant::now();
        let asked = catch_unwind(AssertUnwindSafe(|| ask(&mut session, planned, ground, &ending.ended)));
        let took = started.elapsed();
        ground.spent.reserved.fetch_sub(reserved, Ordering::Relaxed);
        let placed = asked.unwrap_or_else(|_| here(broken(planned.part.key)));
        ending.note(planned, placed.iter().map(|p| &p.done.outcome));
        if let Some(outcome) = lost(&placed) {
            return Rest { parts: &parts[n..], asked: Some((outcome, took)), discard: true };
        }
        catalog_locks += u32::from(placed.iter().any(|p| locked_out(&p.done.outcome)));
        let panicked = placed.iter().any(|p| p.done.outcome.reason == Some(Reason::Panic));
        let failed = placed.iter().any(|p| p.done.outcome.sqlstate.is_some());
        let keep = session.keep.take();
        answer(Answer { planned: planned.clone(), placed, keep, took, reused, ran: true });
        reused = true;
        if panicked {
            return Rest { parts: &parts[n + 1..], asked: None, discard: true };
        }
        // What a query of the operator's has set must not outlive it.
        let foreign = matches!(planned.part.run, Run::Custom(_));
        if (failed || foreign)
            && let Err(failure) = session.restart()
        {
            return unbegun(&parts[n + 1..], &failure, answer);
        }
    }
    if ground.seeks && unasked(ground, catalog_locks).is_none() {
        ending.found = seek::ask(&mut session);
    }
    // A server that cannot even commit a read-only transaction has told us all it will.
    ending.missing = session.commit().unwrap_or_default();
    Rest::NONE
}

fn limits(ground: &Ground) -> Limits {
    Limits {
        statement_timeout: ground.server.statement_timeout,
        lock_timeout: ground.server.lock_timeout,
        deadline: ground.deadline,
        as_monitor: ground.facts.as_monitor,
    }
}

/// No transaction could be opened: a connection that broke meanwhile is worth another, any other reason is not.
fn unbegun<'p>(parts: &'p [Planned], failure: &Failure, answer: &mut impl FnMut(Answer)) -> Rest<'p> {
    let outcome = failure.outcome();
    if outcome.reason == Some(Reason::ConnectionLost) {
        return Rest { parts, asked: None, discard: true };
    }
    answer_all(parts, &outcome, answer);
    Rest::NONE
}

/// The connection broke under this part.
fn lost(placed: &[Placed]) -> Option<Outcome> {
    let outcomes = || placed.iter().map(|p| &p.done.outcome);
    let all = outcomes().all(|o| o.reason == Some(Reason::ConnectionLost));
    outcomes().next().filter(|_| all).cloned()
}

fn broken(key: &'static str) -> Done {
    Done::failed(key, Reason::Panic, "the collector broke on this part; see its log")
}

fn ask(session: &mut Session, planned: &Planned, ground: &Ground, ended: &[Ended]) -> Vec<Placed> {
    let cx = Cx {
        server: &ground.server.name,
        config: &ground.config,
        facts: &ground.facts,
        databases: &ground.databases,
        memory: &ground.memory,
        ended,
    };
    let started = Instant::now();
    let transaction = session.transaction;
    let mut placed = match &planned.part.run {
        Run::Code(run) => run(session, &cx),
        Run::Custom(query) => here(custom::run(session, planned.part.key, query)),
        Run::Told(tell) => here(tell(&cx)),
        Run::Sql { shape, binds, variants } => sql::run(session, &cx, planned, *shape, binds, variants),
    };
    // One reading for many items: each bears its share of it.
    let share = started.elapsed().as_secs_f64() / placed.len().max(1) as f64;
    let took_ms = (share * 1e6).round() / 1e3;
    for p in &mut placed {
        p.done.outcome.took_ms = took_ms;
        p.done.outcome.snapshot = (transaction > 1).then_some(transaction);
        shaded(&mut p.done.outcome, planned, &ground.facts);
        p.done.outcome = refused::mildly(std::mem::take(&mut p.done.outcome), planned.part, &ground.facts);
    }
    placed
}

/// Complete only for a role that sees everything: any other is told what it lacks.
fn shaded(outcome: &mut Outcome, planned: &Planned, facts: &Facts) {
    let lacks = planned.part.needs.iter().find_map(|need| match *need {
        Need::Sees(role) if !facts.may.roles.contains(role) => {
            Some(format!("the role does not see everything: grant {role} to it"))
        }
        Need::Adds(object) if facts.may.objects.get(object) == Some(&false) => {
            Some(format!("the role may not use {object}: grant pg_monitor to it"))
        }
        _ => None,
    });
    let complete = outcome.verdict == Verdict::Ok || outcome.reason == Some(Reason::FirstRun);
    if let (true, Some(why)) = (complete, lacks) {
        outcome.verdict = Verdict::Partial;
        outcome.reason = Some(Reason::Privilege);
        outcome.detail = Some(why);
    }
}

/// Why a part is not even asked.
fn unasked(ground: &Ground, catalog_locks: u32) -> Option<Outcome> {
    if ground.stop.load(Ordering::Relaxed) || Instant::now() >= ground.deadline {
        return Some(Outcome::skipped(Reason::OutOfTime));
    }
    if catalog_locks >= 2 {
        return Some(
            Outcome::skipped(Reason::Lock).detail("catalog locked: another session holds a system catalog"),
        );
    }
    None
}

/// Slow parts have to fit into what is left of the server's time: gives back the microseconds that are reserved for
/// this one, as others look at the same budget meanwhile. What was shed for too long goes in any case.
fn within_budget(planned: &Planned, ground: &Ground) -> Result<u64, Outcome> {
    let (Some(slow), Some(budget_ms)) = (&planned.slow, ground.budget_ms) else { return Ok(0) };
    let spent = &ground.spent;
    if slow.overdue {
        return Ok(0);
    }
    // A cost that nobody knows yet is a guess, and high: it is looked at, but keeps nothing from the others.
    let unknown_ms = ground.server.statement_timeout.as_secs_f64() * 100.0;
    let expected_ms = slow.cost_ms.unwrap_or(unknown_ms);
    let reserve = (slow.cost_ms.unwrap_or(0.0) * 1000.0) as u64;
    let before = spent.micros.load(Ordering::Relaxed) + spent.reserved.fetch_add(reserve, Ordering::Relaxed);
    if before as f64 / 1000.0 + expected_ms <= budget_ms {
        return Ok(reserve);
    }
    spent.reserved.fetch_sub(reserve, Ordering::Relaxed);
    Err(Outcome::skipped(Reason::Shed).detail("server_budget_ms is spent; first in line on the next run"))
}

/// 55P03 on a part that says nothing of user relations: the catalogs themselves are held.
fn locked_out(outcome: &Outcome) -> bool {
    outcome.reason == Some(Reason::Lock) && outcome.verdict == Verdict::Skipped
}

fn here(done: Done) -> Vec<Placed> {
    vec![Placed { database: None, done }]
}

/// One outcome for all of them: they were not asked, or broke off.
pub(super) fn answer_all(parts: &[Planned], outcome: &Outcome, answer: &mut impl FnMut(Answer)) {
    parts.iter().for_each(|planned| answer(answered(planned, outcome, Duration::ZERO, false)));
}

fn answered(planned: &Planned, outcome: &Outcome, took: Duration, ran: bool) -> Answer {
    let done = Done { key: planned.part.key, fragment: Fragment::Nothing, outcome: outcome.clone() };
    Answer { planned: planned.clone(), placed: here(done), keep: None, took, reused: false, ran }
}

/// A database that the probe has just seen and that is not there now was dropped meanwhile. Where databases are
/// watched by name, that is a failure; where all are, it is just one less.
pub fn of_refusal(refusal: &Refusal, databases: &Databases) -> Outcome {
    let named = matches!(databases, Databases::Named(_));
    let outcome = match (refusal.kind, refusal.scope()) {
        (Kind::NoDatabase, _) if named => Outcome::failed(Reason::DatabaseDropped),
        (Kind::NoDatabase, _) => Outcome::skipped(Reason::DatabaseDropped),
        (Kind::NoConnectPrivilege | Kind::NotAccepting, _) if !named => {
            Outcome::skipped(Reason::NotApplicable)
        }
        (Kind::Auth, _) | (_, Scope::Database) => Outcome::skipped(Reason::DatabaseRefused),
        (_, Scope::Server) => Outcome::skipped(Reason::ServerRefused),
    };
    Outcome { sqlstate: refusal.sqlstate.clone(), ..outcome.detail(refusal.message.clone()) }
}
