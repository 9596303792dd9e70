//! Pushes, sent by threads that take one after the other, and what became of them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use wire::PushReply;

use crate::client::Server;
use crate::fleet::Push;

#[derive(Default, Serialize)]
pub(crate) struct Ran {
    /// From the start to the last answer.
    pub(crate) seconds: f64,
    /// As the answers tell it.
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    /// Of acknowledged pushes, in no order.
    pub(crate) ms: Vec<f64>,
    /// By what was said.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Places of the acknowledged ones.
    #[serde(skip)]
    pub(crate) acknowledged: Vec<usize>,
}

pub(crate) fn run(server: &Server, pushes: &[Push], threads: usize, limit: Option<Duration>) -> Ran {
    let (next, ran, start) = (AtomicUsize::new(0), Mutex::new(Ran::default()), Instant::now());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let over = limit.is_some_and(|limit| start.elapsed() > limit);
                    let Some(push) = pushes.get(at).filter(|_| !over) else { break };
                    let begun = begin(push, start);
                    let answer = send(server, push);
                    let took = begun.elapsed();
                    ran.lock().expect("no thread panics").note(at, push, answer, took);
                }
            });
        }
    });
    let mut ran = ran.into_inner().expect("no thread panics");
    ran.seconds = start.elapsed().as_secs_f64();
    ran
}

/// Waits until it is due. The moment from which it counts is the one when it should have been sent, not when it was.
fn begin(push: &Push, start: Instant) -> Instant {
    let Some(due) = push.due else { return Instant::now() };
    thread::sleep((start + due).saturating_duration_since(Instant::now()));
    start + due
}

/// What was acknowledged, or why it was not.
fn send(server: &Server, push: &Push) -> Result<PushReply, String> {
    let headers = [("authorization", push.authorization.as_str()), ("content-encoding", "gzip")];
    let answer = server.post("/api/v1/metrics/push", &headers, &push.body).map_err(|e| format!("{e:#}"))?;
    let told = || format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body));
    if answer.status != 200 {
        return Err(told());
    }
    let reply: PushReply = serde_json::from_slice(&answer.body).map_err(|_| told())?;
    let whole = reply.batch_id.as_deref() == Some(&push.batch_id)
        && !reply.duplicate
        && reply.refused.is_empty()
        && reply.want_texts.is_empty();
    whole.then_some(reply).ok_or_else(told)
}

impl Ran {
    fn note(&mut self, at: usize, push: &Push, answer: Result<PushReply, String>, took: Duration) {
        match answer {
            Ok(reply) => {
                self.acknowledged.push(at);
                self.records += reply.records_inserted;
                self.bytes += push.body.len() as u64;
                self.ms.push(took.as_secs_f64() * 1e3);
            }
            Err(why) => *self.errors.entry(why).or_default() += 1,
        }
    }
}
