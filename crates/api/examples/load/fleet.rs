//! The collectors, and what they are about to push.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;
use wire::{REGISTRATION_SECRET_HEADER, Registered};

use crate::client::Server;
use crate::template::Template;

/// As the collector compresses.
const LEVEL: u32 = 7;

pub(crate) struct Fleet {
    collectors: Vec<Collector>,
    /// Whose turn it is.
    next: usize,
}

struct Collector {
    id: String,
    authorization: String,
    sequence: u64,
}

pub(crate) struct Push {
    pub(crate) batch_id: String,
    pub(crate) authorization: String,
    pub(crate) body: Vec<u8>,
    /// Counted from the start; at once where there is none.
    pub(crate) due: Option<Duration>,
}

impl Fleet {
    pub(crate) fn register(server: &Server, secret: &str, count: usize) -> Result<Fleet> {
        let collectors = (0..count).map(|n| {
            let body = json!({ "name": format!("load-{n:05}"), "hostname": format!("load-{n:05}.example") });
            let headers = [(REGISTRATION_SECRET_HEADER, secret)];
            let answer = server.post("/api/v1/collectors/register", &headers, body.to_string().as_bytes())?;
            ensure!(answer.status == 201, "a registration was answered {}", answer.status);
            let registered: Registered = serde_json::from_slice(&answer.body)?;
            let authorization = format!("Bearer {}", registered.token);
            Ok(Collector { id: registered.collector_id, authorization, sequence: 0 })
        });
        let collectors = collectors.collect::<Result<_>>().context("registering the collectors")?;
        Ok(Fleet { collectors, next: 0 })
    }

    /// Of the first: for who wants to read what it pushed.
    pub(crate) fn first(&self) -> Result<Value> {
        let first = self.collectors.first().context("there is no collector")?;
        Ok(json!({ "id": first.id, "authorization": first.authorization }))
    }

    /// One of each.
    pub(crate) fn round(&mut self, template: &Template) -> Result<Vec<Push>> {
        self.turns(template, self.collectors.len())
    }

    /// So many, of one collector after the other.
    pub(crate) fn turns(&mut self, template: &Template, count: usize) -> Result<Vec<Push>> {
        (0..count).map(|_| self.push(template, Timestamp::now())).collect()
    }

    pub(crate) fn due(&mut self, template: &Template, per_second: f64, seconds: f64) -> Result<Vec<Push>> {
        let mut pushes = self.turns(template, (per_second * seconds) as usize)?;
        for (at, push) in pushes.iter_mut().enumerate() {
            push.due = Some(Duration::from_secs_f64(at as f64 / per_second));
        }
        Ok(pushes)
    }

    /// Of the first collector, dated back by a day each.
    pub(crate) fn late(&mut self, template: &Template, days: i64) -> Result<Vec<Push>> {
        let now = Timestamp::now();
        let mut pushes = Vec::new();
        for day in (1..=days).rev() {
            self.next = 0;
            pushes.push(self.push(template, now.checked_sub(SignedDuration::from_hours(24 * day))?)?);
        }
        Ok(pushes)
    }

    fn push(&mut self, template: &Template, at: Timestamp) -> Result<Push> {
        let count = self.collectors.len();
        let collector = &mut self.collectors[self.next % count];
        self.next = (self.next + 1) % count;
        collector.sequence += 1;
        let batch_id = Uuid::now_v7().to_string();
        // To the microsecond, as on the wire.
        let at = Timestamp::from_microsecond(at.as_microsecond())?;
        let text = template.fill(&batch_id, &collector.id, collector.sequence, at)?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(LEVEL));
        encoder.write_all(text.as_bytes())?;
        let body = encoder.finish()?;
        Ok(Push { batch_id, authorization: collector.authorization.clone(), body, due: None })
    }
}
