//! The backend of a lane, over HTTPS: it does as it is told, and writes down each batch that it took and each fault
//! that it committed, which is what the account and the evidence are made from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};

use super::fault::Reply;
use crate::support::stub::{Answer, Request, Stub};
use crate::tls::certs::Authority;

pub(super) const PUSH: &str = "/api/v1/metrics/push";
const HEALTH: &str = "/api/v1/health";
const REFRESH: &str = "/api/v1/collectors/refresh-token";

/// Every token begins so: none may be found in anything that the program writes for people.
pub(super) const TOKEN: &str = "s3cret-token-";

pub(super) struct Receiver {
    good: Stub,
    wrong_host: Stub,
    expired: Stub,
    unknown: Stub,
    pub(super) ca_file: PathBuf,
    desk: Arc<Mutex<Desk>>,
}

/// What it was told, and what it wrote down.
#[derive(Default)]
pub(super) struct Desk {
    order: Option<Reply>,
    /// Of the token that is good now.
    token: u32,
    /// Ids that it took, with the CRC of the body: the same id is the same batch.
    pub(super) taken: BTreeMap<String, u32>,
    /// Of the batches that it took.
    pub(super) sequences: BTreeSet<u64>,
    /// Ids that came again with another body.
    pub(super) changed: BTreeSet<String>,
    /// How many batches were dropped, as the last batch told.
    pub(super) told_dropped: u64,
    /// Batches that hold a secret.
    pub(super) leaks: u32,
    /// The batch that is always answered with 500.
    stubborn: Option<String>,
    /// Each fault that it committed.
    pub(super) faults: Vec<Reply>,
}

impl Receiver {
    pub(super) fn open(dir: &Path) -> Receiver {
        let (authority, stranger) = (Authority::new("campaign"), Authority::new("stranger"));
        let desk = Arc::new(Mutex::new(Desk::default()));
        let serve = |(chain, key)| {
            let desk = desk.clone();
            Stub::https(vec![chain], key, move |request| answer(&desk, request))
        };
        Receiver {
            good: serve(authority.server(&["localhost"]).der()),
            wrong_host: serve(authority.server(&["elsewhere.test"]).der()),
            expired: serve(authority.expired(&["localhost"]).der()),
            unknown: serve(stranger.server(&["localhost"]).der()),
            ca_file: authority.file(dir, "campaign-ca.pem"),
            desk,
        }
    }

    pub(super) fn url(&self) -> String {
        self.good.url()
    }

    /// With a certificate that nobody may trust.
    pub(super) fn false_urls(&self) -> [(String, &Stub); 3] {
        [&self.wrong_host, &self.expired, &self.unknown].map(|stub| (stub.url(), stub))
    }

    pub(super) fn order(&self, order: Option<Reply>) {
        let mut desk = self.desk();
        desk.order = order;
        desk.stubborn = None;
        if matches!(order, Some(Reply::Expired401 | Reply::ExpiredForGood401)) {
            desk.token += 1;
        }
    }

    pub(super) fn token(&self) -> String {
        token(self.desk().token)
    }

    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap()
    }

    pub(super) fn requests(&self) -> usize {
        self.good.requests().len()
    }

    /// Thousands of requests would not fit into memory.
    pub(super) fn forget(&self) {
        self.good.forget();
    }
}

fn token(number: u32) -> String {
    format!("{TOKEN}{number:06}")
}

fn answer(desk: &Arc<Mutex<Desk>>, request: &Request) -> Answer {
    let order = desk.lock().unwrap().order;
    match request.path.as_str() {
        PUSH => push(desk, order),
        HEALTH => Answer::reply(200, r#"{"status":"healthy"}"#),
        REFRESH if order == Some(Reply::ExpiredForGood401) => refused(401, "token_expired"),
        REFRESH => Answer::reply(200, json!({ "token": token(desk.lock().unwrap().token) }).to_string()),
        _ => Answer::reply(404, ""),
    }
}

fn push(desk: &Arc<Mutex<Desk>>, order: Option<Reply>) -> Answer {
    // This one comes before there is a body to look at.
    if order == Some(Reply::ResetBeforeBody) {
        desk.lock().unwrap().faults.push(Reply::ResetBeforeBody);
        return Answer::ResetBeforeBody;
    }
    let desk = desk.clone();
    Answer::with_body(move |request| {
        let mut desk = desk.lock().unwrap();
        match order {
            Some(order) => desk.err(order, request),
            None => desk.take(request),
        }
    })
}

/// In the backend's own shape.
fn refused(status: u16, code: &str) -> Answer {
    Answer::reply(status, json!({ "code": code, "message": "no", "request_id": "1" }).to_string())
}

impl Desk {
    fn err(&mut self, order: Reply, request: &Request) -> Answer {
        let fault = match order {
            Reply::Refused400 => refused(400, "invalid_batch"),
            Reply::Foreign400 => Answer::reply(400, "<html>a proxy that knows no such page</html>"),
            Reply::Expired401 | Reply::ExpiredForGood401 if self.is_current(request) => {
                return self.take(request);
            }
            Reply::Expired401 | Reply::ExpiredForGood401 => refused(401, "token_expired"),
            Reply::Forbidden403 => refused(403, "forbidden"),
            Reply::Missing404 => Answer::reply(404, "not here"),
            Reply::TooLarge413 if items(request) < 12 => return self.take(request),
            Reply::TooLarge413 => refused(413, "too_large"),
            Reply::TooMany429 => refused(429, "too_many").header("Retry-After", "30"),
            Reply::Stubborn500 if !self.is_stubborn(request) => return self.take(request),
            Reply::Broken500 | Reply::Stubborn500 => refused(500, "internal"),
            Reply::BadGateway502 => Answer::reply(502, "<html>bad gateway</html>"),
            Reply::Unavailable503 => refused(503, "unavailable").header("Retry-After", "120"),
            Reply::Redirect => Answer::redirect("http://127.0.0.1:9/elsewhere"),
            Reply::Garbage => Answer::reply(200, b"\xff\xfe{{{\0".to_vec()),
            Reply::TooShort => self.taking(request, Answer::WrongLength(-7)),
            Reply::TooLong => self.taking(request, Answer::WrongLength(7)),
            Reply::Half => self.taking(request, Answer::Half),
            Reply::Drip => self.taking(request, Answer::Drip(Duration::from_millis(4))),
            Reply::RestoredEmpty => self.taking(request, wanting_texts(request)),
            Reply::ResetBeforeBody | Reply::ResetAfterBody => Answer::ResetAfterBody,
            Reply::Stall => Answer::Stall,
            Reply::OtherBatch => Answer::AcceptOther,
        };
        self.faults.push(order);
        fault
    }

    fn is_current(&self, request: &Request) -> bool {
        request.header("authorization") == Some(&format!("Bearer {}", token(self.token)))
    }

    /// The first that comes.
    fn is_stubborn(&mut self, request: &Request) -> bool {
        let id = request.batch_id().unwrap_or_default();
        self.stubborn.get_or_insert_with(|| id.to_owned()) == id
    }

    fn taking(&mut self, request: &Request, answer: Answer) -> Answer {
        self.take(request);
        answer
    }

    fn take(&mut self, request: &Request) -> Answer {
        let Some(id) = request.batch_id() else { return refused(400, "invalid_batch") };
        self.leaks += u32::from(["s3cret", "campaign-ca"].iter().any(|text| holds(request, text)));
        let sum = crc32fast::hash(&request.body);
        if *self.taken.entry(id.to_owned()).or_insert(sum) != sum {
            self.changed.insert(id.to_owned());
        }
        self.sequences.extend(request.json.as_ref().and_then(|batch| batch["sequence"].as_u64()));
        let agent = metrics(request).iter().find(|item| item["type"] == "agent");
        let dropped = agent.and_then(|item| item["batches_dropped"].as_u64()).unwrap_or_default();
        self.told_dropped = self.told_dropped.max(dropped);
        Answer::Accept
    }
}

fn metrics(request: &Request) -> &[Value] {
    let batch = request.json.as_ref();
    batch.and_then(|batch| batch["metrics"].as_array()).map_or(&[], Vec::as_slice)
}

fn holds(request: &Request, text: &str) -> bool {
    request.json.as_ref().is_some_and(|batch| batch.to_string().contains(text))
}

fn items(request: &Request) -> usize {
    metrics(request).len()
}

/// It has lost its texts, and asks for those of every statement that it sees.
fn wanting_texts(request: &Request) -> Answer {
    let statements = metrics(request).iter().filter(|item| item["type"] == "pg_query_stats");
    let wants = statements.flat_map(|item| {
        let rows = item["queries"].as_array().map_or(&[][..], Vec::as_slice);
        rows.iter().map(move |row| json!({ "server": item["server"], "queryid": row["hash"] }))
    });
    let wants: Vec<Value> = wants.take(100).collect();
    let body = json!({ "status": "success", "batch_id": request.batch_id(), "want_texts": wants });
    Answer::reply(200, body.to_string())
}
