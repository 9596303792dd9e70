//! The backend: does it answer, is it well, is the token good, do the clocks agree. Two GETs, which change nothing.

use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use jiff::Timestamp;
use secrecy::SecretString;

use super::clock;
use super::finding::Finding;
use super::here;
use crate::config::{Config, Target};
use crate::http::{Answer, Door};
use crate::push::token::{self, Life};

const DAY_S: i64 = 86_400;

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
    let door = match Door::open(&config.backend, deadline) {
        Ok(door) => door,
        Err(e) => return vec![Finding::trouble(format!("{e:#}"))],
    };
    let mut found = Vec::new();
    if base.starts_with("http://") {
        found.push(Finding::advice("http:// : batches and the token travel unencrypted"));
    }
    let before = Timestamp::now();
    match door.get("health", None) {
        Err(failure) => {
            found.push(Finding::trouble(failure.message));
            return found;
        }
        Ok(answer) => {
            found.push(health(&answer));
            found.extend(answer.date().and_then(|date| clock_of(before, date)));
        }
    }
    match token::find(&config.backend) {
        Ok((token, from)) => {
            found.push(valid(&door, config.collector.known_as(), &token, &from));
            let replaced = token::can_be_replaced(&config.backend);
            let now = before.as_second();
            found.extend(Life::of(&token, now).map(|life| age(life, now, replaced)));
        }
        Err(e) => found.push(Finding::trouble(format!("{e:#}"))),
    }
    found
}

/// A collector may read what is its own: that shows whether the backend knows its token, and as whose.
fn valid(door: &Door, id: &str, token: &SecretString, from: &str) -> Finding {
    let answer = match door.get(&format!("metrics?limit=1&collector_id={}", escaped(id)), Some(token)) {
        Ok(answer) => answer,
        Err(failure) => return Finding::trouble(failure.message),
    };
    match answer.status {
        200..=299 => Finding::fine(format!("token of {from}: valid")),
        401 => Finding::trouble(format!(
            "token of {from}: refused (401); if it has only expired the next cycle refreshes it, else register again"
        )),
        403 => Finding::trouble(format!(
            "token of {from}: not that of {id} (403): check [collector] id, or register again"
        )),
        422 => Finding::trouble(format!(
            "token of {from}: good, but {id} is no id that the backend gives (422): take [collector] id out, and register"
        )),
        status => {
            Finding::advice(format!("token of {from}: the backend answered {status}, which does not tell"))
        }
    }
}

/// As a value in an address.
fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// By this host's clock: whether the token is good is said by the backend alone.
fn age(life: Life, now: i64, replaced: bool) -> Finding {
    let left_s = life.left_s(now);
    let span = match left_s.abs() {
        s if s < 2 * DAY_S => format!("{} h", s / 3600),
        s => format!("{} days", s / DAY_S),
    };
    let next = match replaced {
        true => "the next cycle refreshes it; if the log says that it cannot, run pganalytics register",
        false => "it is given in the environment, where no new one takes its place: replace it there",
    };
    match left_s {
        ..0 => Finding::advice(format!("the token has expired {span} ago: {next}")),
        _ if life.is_past_half(now) => Finding::advice(format!(
            "the token expires in {span}, half of its life is over and it is not refreshed: {next}"
        )),
        _ => Finding::fine(format!("the token expires in {span}")),
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
