//! What a target's answer means for the batch: pure.
//!
//! An acknowledgement is a 2xx that echoes the batch's id, nothing less. A batch is given up only where the backend
//! itself says so, in the shape of its own errors: a proxy's 400 or a portal's 200 must not empty the spool.

use std::time::Duration;

use wire::{Problem, PushReply, Want};

use crate::http::Answer;

/// The most that one answer may ask for.
const WANTS: usize = 100;

#[derive(Debug, PartialEq)]
pub enum Reply {
    /// The target echoed the batch's id.
    Accepted {
        wants: Vec<Want>,
    },
    /// Keep it, and come again.
    Retry {
        why: String,
        after: Option<Duration>,
    },
    /// 500: keep it, but it may be this batch that the backend cannot take.
    Fault {
        why: String,
    },
    /// The token is not, or no longer, good.
    Unauthorized {
        why: String,
    },
    TooLarge {
        why: String,
    },
    /// It will never be taken.
    Reject {
        why: String,
    },
}

/// `host` names the backend in what is said to people.
pub(super) fn of(answer: &Answer, batch_id: &str, host: &str) -> Reply {
    let ours = serde_json::from_slice::<Problem>(&answer.body).ok();
    let said = ours.as_ref().map(|p| format!(" ({}: {})", plain(&p.code), plain(&p.message)));
    let why =
        |what: &str| format!("{host} answered {}{}: {what}", answer.status, said.as_deref().unwrap_or(""));
    match answer.status {
        200..=299 => acknowledged(answer, batch_id).unwrap_or_else(|what| keep(why(what))),
        401 => Reply::Unauthorized {
            why: why(
                "it refuses the token: run pganalytics register, or give [backend] token or token_file a valid one",
            ),
        },
        400 | 422 if ours.is_some() => Reply::Reject { why: why("it will never take this batch") },
        413 => Reply::TooLarge { why: why("the batch is too large for it, raise its limit") },
        429 => Reply::Retry {
            why: why("too many requests, it is left alone for a while"),
            after: answer.retry_after,
        },
        500 => Reply::Fault { why: why("see the backend's log") },
        503 => Reply::Retry { why: why("it is not available, see its log"), after: answer.retry_after },
        300..=399 => keep(why("redirects are not followed, [backend] url must be the final address")),
        403 => keep(why(
            "it lets nobody push with this token; check the registration, and what stands before it",
        )),
        404 | 405 => keep(why("nothing takes batches there, check [backend] url")),
        400 | 422 => keep(why("that is not how the backend refuses a batch; see what stands before it")),
        _ => keep(why("see the log of the backend, or of what stands before it")),
    }
}

fn keep(why: String) -> Reply {
    Reply::Retry { why, after: None }
}

fn acknowledged(answer: &Answer, batch_id: &str) -> Result<Reply, &'static str> {
    let reply = serde_json::from_slice::<serde_json::Value>(&answer.body)
        .map_err(|_| "that is no acknowledgement; is this the backend, or a proxy or portal before it?")?;
    match reply.get("batch_id").and_then(|id| id.as_str()) {
        Some(id) if id == batch_id => Ok(Reply::Accepted { wants: wants(reply) }),
        Some(_) => Err("it acknowledged another batch, see the backend's log"),
        None => Err("it acknowledged no batch, check [backend] url and the backend's version"),
    }
}

/// What is wanted besides never stands in the way of the acknowledgement.
fn wants(reply: serde_json::Value) -> Vec<Want> {
    let wants = serde_json::from_value::<PushReply>(reply).map(|r| r.want_texts).unwrap_or_default();
    wants.into_iter().filter(|w| w.server.len() <= 256 && w.queryid.len() <= 20).take(WANTS).collect()
}

/// A stranger's words, fit for one line of a log.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

#[cfg(test)]
mod tests;
