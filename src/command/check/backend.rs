//! The backend: does it answer, is it well, is the token good, do the clocks agree. Two GETs, which change nothing.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::Result;
use jiff::Timestamp;
use secrecy::SecretString;
use ureq::Agent;

use super::clock;
use super::finding::Finding;
use super::here;
use crate::config::{Config, Target};
use crate::http::{self, Answer, Failure, Request};
use crate::push::backend::token;

const LONGEST_REPLY_BYTES: u64 = 1 << 20;

/// Looks from a thread of its own, which may hang for all that anybody cares.
pub(super) fn start(config: &Config, deadline: Instant) -> Receiver<Vec<Finding>> {
    let (sender, found) = channel();
    let config = config.clone();
    let looking = move || drop(sender.send(look(&config, deadline)));
    // Without a thread there is no answer, which is told as such.
    drop(std::thread::Builder::new().name("backend".to_owned()).spawn(looking));
    found
}

pub(super) fn wait(found: &Receiver<Vec<Finding>>, deadline: Instant) -> Vec<Finding> {
    let left = deadline.saturating_duration_since(Instant::now());
    found.recv_timeout(left).unwrap_or_else(|_| vec![Finding::trouble("no answer within run_timeout")])
}

fn look(config: &Config, deadline: Instant) -> Vec<Finding> {
    let Target::Http(base) = &config.backend.target else {
        return here::target(&config.backend.target).into_iter().collect();
    };
    let agent = match http::agent(&config.backend, config.backend.timeout) {
        Ok(agent) => agent,
        Err(e) => return vec![Finding::trouble(format!("{e:#}"))],
    };
    let ask = Ask { agent, deadline, timeout: config.backend.timeout };
    let mut found = Vec::new();
    if base.starts_with("http://") {
        found.push(Finding::advice("http:// : batches and the token travel unencrypted"));
    }
    let before = Timestamp::now();
    match ask.get(&format!("{base}/api/v1/health"), None) {
        Err(failure) => {
            found.push(Finding::trouble(failure.message));
            return found;
        }
        Ok(answer) => {
            found.push(health(&answer));
            found.extend(answer.date().and_then(|date| clock_of(before, date)));
        }
    }
    found.push(match token(&config.backend) {
        Ok((token, from)) => ask.token(base, config.collector.known_as(), &token, &from),
        Err(e) => Finding::trouble(format!("{e:#}")),
    });
    found
}

struct Ask {
    agent: Agent,
    deadline: Instant,
    timeout: Duration,
}

impl Ask {
    fn get(&self, url: &str, token: Option<&SecretString>) -> Result<Answer, Failure> {
        let timeout = self.timeout.min(self.deadline.saturating_duration_since(Instant::now()));
        let request = Request { url, token, headers: &[], max_reply_bytes: LONGEST_REPLY_BYTES, timeout };
        http::get(&self.agent, &request)
    }

    /// What this collector may read of itself shows whether the backend knows its token.
    fn token(&self, base: &str, id: &str, token: &SecretString, from: &str) -> Finding {
        let answer = match self.get(&format!("{base}/api/v1/config/{id}"), Some(token)) {
            Ok(answer) => answer,
            Err(failure) => return Finding::trouble(failure.message),
        };
        match answer.status {
            200..=299 | 304 => Finding::fine(format!("token of {from}: valid")),
            404 => Finding::fine(format!(
                "token of {from}: not refused (the backend keeps no configuration for {id})"
            )),
            401 => Finding::trouble(format!(
                "token of {from}: refused (401); if it has only expired the next cycle refreshes it, else register again"
            )),
            403 => Finding::trouble(format!(
                "token of {from}: not that of {id} (403): check [collector] id, or register again"
            )),
            status => Finding::advice(format!(
                "token of {from}: the backend answered {status}, which does not tell"
            )),
        }
    }
}

fn health(answer: &Answer) -> Finding {
    match answer.status {
        200 => Finding::fine("reachable, and well"),
        // It counts requests of anybody at this address.
        429 => Finding::advice("reachable, but too busy to say how it is (429)"),
        300..=399 => Finding::trouble(format!(
            "it redirects ({}): redirects are not followed, as the token would go along; give the address itself as url",
            answer.status
        )),
        status => Finding::trouble(format!("its health is {status}: is this the backend's url? see its log")),
    }
}

/// A date tells seconds: half of one is the best guess, and so much more or less says nothing.
fn clock_of(before: Timestamp, date: Timestamp) -> Option<Finding> {
    let middle_ms = before.as_millisecond().midpoint(Timestamp::now().as_millisecond());
    let skew_ms = date.as_millisecond() + 500 - middle_ms;
    Some(clock("its clock", skew_ms))
}
