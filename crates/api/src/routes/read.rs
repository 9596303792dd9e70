//! What was collected. Without a span of time: the newest of each kind and place; with one: what came in it, newest
//! first. A collector sees its own.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::Timestamp;
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::app::Shared;
use crate::copy::OLDEST;
use crate::family::join::Fields;
use crate::ingest::Fault;
use crate::openapi::{Answer, Operation, Who};
use crate::permission::{Action, ReadMetrics};
use crate::principal::May;
use crate::problem::Problem;
use crate::store::items::{self, Filter, Found, Item, Span};
use crate::store::pool;

const LIMIT: i64 = 100;
const MOST: i64 = 1000;

/// All are texts, as a number that is none has to be named.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Asked {
    /// Of this collector alone.
    #[schemars(with = "Uuid")]
    collector_id: Option<String>,
    /// Such as `pg_stats`.
    #[serde(rename = "type")]
    #[schemars(with = "String")]
    kind: Option<String>,
    /// Of this database alone.
    #[schemars(with = "String")]
    database: Option<String>,
    /// The first moment of the span, included.
    #[schemars(with = "String", extend("format" = "date-time"))]
    start_time: Option<String>,
    /// The moment behind the span.
    #[schemars(with = "String", extend("format" = "date-time"))]
    end_time: Option<String>,
    /// Items of one page; 100 where it is missing.
    #[schemars(with = "i64", range(min = 1, max = MOST))]
    limit: Option<String>,
    /// `next` of the page before, with the same other parameters.
    #[schemars(with = "String")]
    cursor: Option<String>,
}

pub const METRICS: Operation = Operation {
    about: "What was collected",
    more: "Without a span of time the newest item of each collector, type and database, one of each type before any second; \
           with one the items in it, newest first. A collector sees its own, and may ask for no other's.",
    who: Who::May(Action::ReadMetrics),
    query: Some(SchemaGenerator::subschema_for::<Asked>),
    answers: &[Answer::json::<Page>(200, "a page")],
    refusals: &[403],
    ..Operation::ANY
};

#[derive(Serialize, JsonSchema)]
pub struct Page {
    metrics: Vec<Metric>,
    /// Of all pages; of a span no more than 10000 are counted.
    total: i64,
    limit: i64,
    /// For `cursor`, where there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Metric {
    id: i64,
    collector_id: Uuid,
    #[serde(rename = "type")]
    kind: String,
    #[schemars(extend("format" = "date-time"))]
    timestamp: String,
    server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    /// The other fields of the item, as they were sent.
    #[schemars(with = "Map<String, Value>")]
    data: Fields,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cursor {
    Latest { offset: i64 },
    Span { us: i64, id: i64 },
}

pub async fn metrics(
    State(app): State<Shared>,
    me: May<ReadMetrics>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(asked) = asked.map_err(|_| Fault::new("", "the query cannot be read"))?;
    let filter = filter(&asked, me.0.only())?;
    let limit = limit(asked.limit.as_deref())?;
    let cursor = asked.cursor.as_deref().map(Cursor::read).transpose()?;
    let span = span(&asked, cursor)?;
    let found = app.db.with(pool::LONG, async |client| {
        let tx = items::begin(client).await?;
        match &span {
            Some(span) => items::between(&tx, &filter, span, limit).await,
            None => {
                let offset = if let Some(Cursor::Latest { offset }) = cursor { offset } else { 0 };
                items::latest(&tx, &filter, limit, offset).await
            }
        }
    });
    let Found { items, total, more } = app.learn(found.await)?;
    let next = if more { next(span.is_some(), cursor, limit, items.last()).map(Cursor::text) } else { None };
    Ok(Json(Page { metrics: items.into_iter().map(metric).collect(), total, limit, next }))
}

/// Whoever sees only their own asks for nobody else's.
fn filter(asked: &Asked, only: Option<Uuid>) -> Result<Filter, Problem> {
    for (name, text) in [("type", &asked.kind), ("database", &asked.database)] {
        if text.as_deref().is_some_and(|text| text.contains('\0')) {
            return Err(Fault::new(name, "holds the character U+0000").into());
        }
    }
    let wrong = |_| Fault::new("collector_id", "must be a UUID");
    let id = asked.collector_id.as_deref().map(|id| Uuid::parse_str(id).map_err(wrong)).transpose()?;
    match (only, id) {
        (Some(only), Some(id)) if id != only => {
            Err(Problem::Forbidden("a collector may read its own metrics"))
        }
        _ => {
            Ok(Filter { collector: only.or(id), kind: asked.kind.clone(), database: asked.database.clone() })
        }
    }
}

fn limit(text: Option<&str>) -> Result<i64, Fault> {
    let Some(text) = text else { return Ok(LIMIT) };
    let number = text.parse().ok().filter(|n| (1..=MOST).contains(n));
    number.ok_or_else(|| Fault::new("limit", format!("must be a number from 1 to {MOST}")))
}

/// A bound that is missing is open: the beginning of time, or now and a little.
fn span(asked: &Asked, cursor: Option<Cursor>) -> Result<Option<Span>, Fault> {
    let moment = |name: &str, text: &Option<String>| match text.as_deref().map(str::parse::<Timestamp>) {
        None => Ok(None),
        // What is earlier nobody has, and the server does not read.
        Some(Ok(at)) => Ok(Some(at.max(OLDEST))),
        Some(Err(_)) => Err(Fault::new(name, "must be a time as in RFC 3339")),
    };
    let (from, to) = (moment("start_time", &asked.start_time)?, moment("end_time", &asked.end_time)?);
    if from.is_none() && to.is_none() {
        return match cursor {
            Some(Cursor::Span { .. }) => {
                Err(Fault::new("cursor", "belongs to a request with start_time or end_time"))
            }
            _ => Ok(None),
        };
    }
    let after = match cursor {
        None => None,
        Some(Cursor::Span { us, id }) => Some((us, id)),
        Some(Cursor::Latest { .. }) => {
            return Err(Fault::new("cursor", "belongs to a request without a span of time"));
        }
    };
    let tomorrow =
        || Timestamp::now().saturating_add(jiff::SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX);
    Ok(Some(Span { from: from.unwrap_or(Timestamp::UNIX_EPOCH), to: to.unwrap_or_else(tomorrow), after }))
}

fn next(of_span: bool, cursor: Option<Cursor>, limit: i64, last: Option<&Item>) -> Option<Cursor> {
    if of_span {
        return last.map(|last| Cursor::Span { us: last.timestamp.as_microsecond(), id: last.id });
    }
    let offset = if let Some(Cursor::Latest { offset }) = cursor { offset } else { 0 };
    Some(Cursor::Latest { offset: offset + limit })
}

impl Cursor {
    fn text(self) -> String {
        BASE64.encode(match self {
            Cursor::Latest { offset } => format!("l.{offset}"),
            Cursor::Span { us, id } => format!("s.{us}.{id}"),
        })
    }

    fn read(text: &str) -> Result<Cursor, Fault> {
        let decode = || {
            let text = String::from_utf8(BASE64.decode(text).ok()?).ok()?;
            let mut words = text.split('.');
            let kind = words.next()?;
            let numbers: Vec<i64> =
                words.map(|word| word.parse().ok().filter(|n| *n >= 0)).collect::<Option<_>>()?;
            match (kind, numbers.as_slice()) {
                ("l", &[offset]) => Some(Cursor::Latest { offset }),
                ("s", &[us, id]) => Some(Cursor::Span { us, id }),
                _ => None,
            }
        };
        decode().ok_or_else(|| Fault::new("cursor", "is none that an answer gave"))
    }
}

fn metric(item: Item) -> Metric {
    Metric {
        id: item.id,
        collector_id: item.collector,
        kind: item.kind,
        timestamp: item.timestamp.to_string(),
        server: item.server,
        database: item.database,
        data: item.data,
    }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, limit};

    #[test]
    fn cursors_come_back() {
        for cursor in
            [Cursor::Latest { offset: 100 }, Cursor::Span { us: 1_795_687_913_064_592, id: 1 << 40 }]
        {
            assert_eq!(Cursor::read(&cursor.text()), Ok(cursor));
        }
        for wrong in ["", "x", "bC4x", "bC4tMQ", "cy4x"] {
            assert_eq!(Cursor::read(wrong).is_ok(), wrong == "bC4x", "{wrong}");
        }
        assert!(limit(Some("0")).is_err() && limit(Some("1001")).is_err() && limit(None) == Ok(100));
    }
}
