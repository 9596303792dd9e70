//! What a target's answer means for the batch: pure.
//!
//! An acknowledgement is a 2xx that echoes the batch's id, nothing less. A batch is given up only where the backend
//! itself says so, in the shape of its own errors: a proxy's 400 or a portal's 200 must not empty the spool.

use std::fmt;
use std::time::Duration;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::value::RawValue;
use wire::{Problem, Want};

use crate::http::Answer;
use crate::plain::plain;

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

/// `host` names the backend in what is said to people; `shown` is the token, which it may repeat and we do not.
pub(super) fn of(answer: &Answer, batch_id: &str, host: &str, shown: &str) -> Reply {
    // What is no text is not ours, in parts that nobody looks at either.
    let body = std::str::from_utf8(&answer.body).unwrap_or_default();
    let ours = serde_json::from_str::<Problem>(body).ok();
    let few = |text: &str| few(&text.replace(shown, "***"));
    let said = ours.as_ref().map(|p| format!(" ({}: {})", few(&p.code), few(&p.message)));
    let why =
        |what: &str| format!("{host} answered {}{}: {what}", answer.status, said.as_deref().unwrap_or(""));
    match answer.status {
        200..=299 => acknowledged(body, batch_id).unwrap_or_else(|what| keep(why(what))),
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

/// What an acknowledgement is known by. Its parts are looked into one by one, and no more is made of them than is kept: as a
/// tree, an answer of some megabytes would take a hundred.
#[derive(Deserialize)]
struct Acknowledgement<'a> {
    #[serde(borrow)]
    batch_id: Option<&'a RawValue>,
    #[serde(borrow)]
    want_texts: Option<&'a RawValue>,
}

fn acknowledged(body: &str, batch_id: &str) -> Result<Reply, &'static str> {
    const NONE: &str = "it acknowledged no batch, check [backend] url and the backend's version";
    let reply: Acknowledgement = serde_json::from_str(body).map_err(|e| match e.classify() {
        Category::Data => NONE,
        _ => "that is no acknowledgement; is this the backend, or a proxy or portal before it?",
    })?;
    match reply.batch_id.and_then(|id| serde_json::from_str::<String>(id.get()).ok()) {
        Some(id) if id == batch_id => Ok(Reply::Accepted { wants: wants(reply.want_texts) }),
        Some(_) => Err("it acknowledged another batch, see the backend's log"),
        None => Err(NONE),
    }
}

/// What is wanted besides never stands in the way of the acknowledgement.
fn wants(told: Option<&RawValue>) -> Vec<Want> {
    told.and_then(|told| serde_json::from_str::<Wants>(told.get()).ok()).unwrap_or_default().0
}

/// The first that could be meant, of however many.
#[derive(Default)]
struct Wants(Vec<Want>);

impl<'de> Deserialize<'de> for Wants {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Wants, D::Error> {
        struct Few;
        impl<'de> Visitor<'de> for Few {
            type Value = Wants;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an array of wanted texts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Wants, A::Error> {
                let mut wants = Vec::new();
                while let Some(want) = all.next_element::<Want>()? {
                    if wants.len() < WANTS && want.server.len() <= 256 && want.queryid.len() <= 20 {
                        wants.push(want);
                    }
                }
                Ok(Wants(wants))
            }
        }
        from.deserialize_seq(Few)
    }
}

/// A stranger's words, few enough for one line of a log.
pub(crate) fn few(text: &str) -> String {
    plain(&text.chars().take(200).collect::<String>())
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;
