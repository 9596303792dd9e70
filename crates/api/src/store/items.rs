//! Items as they came: the newest of each kind and place, or those of a span of time, newest first.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio_postgres::types::{Json, ToSql, Type};
use tokio_postgres::{Client, GenericClient, IsolationLevel, Row, Transaction};
use uuid::Uuid;

use super::failure::Failure;
use crate::family::join::{Fields, Moment, join, raw};
use crate::family::{FAMILIES, Kind};

/// Counted no further.
pub const COUNTED: i64 = 10_000;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub collector: Option<Uuid>,
    pub kind: Option<String>,
    pub database: Option<String>,
}

/// A span of time, and where in it the page begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub from: Timestamp,
    pub to: Timestamp,
    /// Behind this item: its moment in microseconds, and its id.
    pub after: Option<(i64, i64)>,
}

#[derive(Debug)]
pub struct Item {
    pub id: i64,
    pub collector: Uuid,
    pub timestamp: Timestamp,
    pub kind: String,
    pub server: String,
    pub database: Option<String>,
    pub data: Fields,
}

/// For reading: of one state of the store, and no longer than somebody waits for it.
pub async fn begin(client: &mut Client) -> Result<Transaction<'_>, Failure> {
    let tx =
        client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start();
    let tx = tx.await?;
    tx.batch_execute("set local statement_timeout = '15s'; set local lock_timeout = '10s'").await?;
    Ok(tx)
}

const COLUMNS: &str = "m.id, m.collector_id, m.\"timestamp\", m.type, m.server, m.database, m.data";

/// A page.
#[derive(Debug)]
pub struct Found {
    pub items: Vec<Item>,
    /// Of all pages.
    pub total: i64,
    pub more: bool,
}

/// One of each type before any second. Where the newest lies may be known for longer than it is there, until the next round
/// of upkeep: then the page is shorter, and no other is.
pub async fn latest(
    client: &impl GenericClient,
    filter: &Filter,
    limit: i64,
    offset: i64,
) -> Result<Found, Failure> {
    let sql = format!(
        "select {COLUMNS}, l.total from ( \
             select l.*, count(*) over () as total \
             , row_number() over (partition by l.type order by l.\"timestamp\" desc, l.collector_id, l.server, l.database) as turn \
             from latest l \
             where ($1::uuid is null or l.collector_id = $1) and ($2::text is null or l.type = $2) \
             and ($3::text is null or l.database = $3) \
             order by turn, l.type limit $4 offset $5 \
         ) l left join lateral ( \
             select {COLUMNS} from metrics m \
             where m.collector_id = l.collector_id and m.\"timestamp\" = l.\"timestamp\" and m.type = l.type and m.id = l.id limit 1 \
         ) m on true order by l.turn, l.type"
    );
    let parameters: [(&(dyn ToSql + Sync), Type); 5] = [
        (&filter.collector, Type::UUID),
        (&filter.kind, Type::TEXT),
        (&filter.database, Type::TEXT),
        (&(limit + 1), Type::INT8),
        (&offset, Type::INT8),
    ];
    let mut rows = client.query_typed(&sql, &parameters).await?;
    let total = rows.first().map_or(0, |row| row.get(7));
    let more = cut(&mut rows, limit);
    rows.retain(|row| row.get::<_, Option<i64>>(0).is_some());
    Ok(Found { items: whole(client, rows).await?, total, more })
}

/// Whether there was more than a page of them.
fn cut(rows: &mut Vec<Row>, limit: i64) -> bool {
    let limit = usize::try_from(limit).unwrap_or_default();
    let more = rows.len() > limit;
    rows.truncate(limit);
    more
}

/// Newest first. Their total is of the span, as far as they are counted.
pub async fn between(
    client: &impl GenericClient,
    filter: &Filter,
    span: &Span,
    limit: i64,
) -> Result<Found, Failure> {
    let (from, to) = (Moment(span.from), Moment(span.to));
    let wanted = "from metrics m where m.\"timestamp\" >= $4 and m.\"timestamp\" < $5 \
                  and ($1::uuid is null or m.collector_id = $1) and ($2::text is null or m.type = $2) \
                  and ($3::text is null or m.database = $3)";
    let parameters: Vec<(&(dyn ToSql + Sync), Type)> = vec![
        (&filter.collector, Type::UUID),
        (&filter.kind, Type::TEXT),
        (&filter.database, Type::TEXT),
        (&from, Type::TIMESTAMPTZ),
        (&to, Type::TIMESTAMPTZ),
    ];
    let counted = format!("select count(*) from (select {wanted} limit {COUNTED}) c");
    let total = client.query_typed(&counted, &parameters).await?.first().map_or(0, |row| row.get(0));
    let (us, id) = span.after.unwrap_or((i64::MAX, i64::MAX));
    let us = us.min(span.to.as_microsecond());
    let sql = format!(
        "select {COLUMNS} {wanted} \
         and (m.\"timestamp\", m.id) < (timestamptz 'epoch' + $6 * interval '1 microsecond', $7) \
         order by m.\"timestamp\" desc, m.id desc limit $8"
    );
    let mut parameters = parameters;
    let most = limit + 1;
    parameters.extend([(&us as &(dyn ToSql + Sync), Type::INT8), (&id, Type::INT8), (&most, Type::INT8)]);
    let mut rows = client.query_typed(&sql, &parameters).await?;
    let more = cut(&mut rows, limit);
    Ok(Found { items: whole(client, rows).await?, total, more })
}

/// With the rows of their families.
async fn whole(client: &impl GenericClient, rows: Vec<Row>) -> Result<Vec<Item>, Failure> {
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        let Json(data) = row.try_get(6)?;
        let Moment(timestamp) = row.try_get(2)?;
        items.push(Item {
            id: row.try_get(0)?,
            collector: row.try_get(1)?,
            timestamp,
            kind: row.try_get(3)?,
            server: row.try_get(4)?,
            database: row.try_get(5)?,
            data,
        });
    }
    for family in 0..FAMILIES.len() {
        add_rows(client, family, &mut items).await?;
    }
    Ok(items)
}

async fn add_rows(client: &impl GenericClient, number: usize, items: &mut [Item]) -> Result<(), Failure> {
    let family = &FAMILIES[number];
    let mut by_id: HashMap<i64, &mut Item> =
        items.iter_mut().filter(|item| item.kind == family.kind).map(|item| (item.id, item)).collect();
    let moments = || by_id.values().map(|item| item.timestamp);
    let (Some(first), Some(last)) = (moments().min().map(Moment), moments().max().map(Moment)) else {
        return Ok(());
    };
    let ids: Vec<i64> = by_id.keys().copied().collect();
    let collectors: Vec<Uuid> = by_id.values().map(|item| item.collector).collect();
    let moments: Vec<Moment> = moments().map(Moment).collect();
    let texted = family.columns.iter().any(|column| column.kind == Kind::Texted);
    let columns: Vec<String> = family.columns.iter().map(|column| format!("f.\"{}\"", column.name)).collect();
    let (text, join_texts) = if texted {
        (
            "t.text",
            "left join query_texts t on f.texted and t.collector_id = f.collector_id and t.server = f.server and t.hash = f.hash",
        )
    } else {
        ("null::text", "")
    };
    // Item by item, whatever the planner believes of a partition that nobody has analyzed yet.
    let sql = format!(
        "select f.item, {text}, {}, f.rest from unnest($1, $2, $3) as n (collector, id, at) cross join lateral ( \
             select {} from {} f where f.collector_id = n.collector and f.\"timestamp\" = n.at and f.item = n.id \
             and f.\"timestamp\" between $4 and $5 offset 0 \
         ) f {join_texts} order by f.item, f.position",
        columns.join(", "),
        family.column_list(),
        family.table
    );
    let parameters: [(&(dyn ToSql + Sync), Type); 5] = [
        (&collectors, Type::UUID_ARRAY),
        (&ids, Type::INT8_ARRAY),
        (&moments, Type::TIMESTAMPTZ_ARRAY),
        (&first, Type::TIMESTAMPTZ),
        (&last, Type::TIMESTAMPTZ),
    ];
    let mut joined: HashMap<i64, Vec<Fields>> = HashMap::new();
    for row in client.query_typed(&sql, &parameters).await? {
        joined.entry(row.try_get(0)?).or_default().push(join(family, &row, 2, row.try_get(1)?)?);
    }
    for (id, rows) in joined {
        if let Some(item) = by_id.get_mut(&id) {
            item.data.insert(family.rows.to_owned(), raw(&rows));
        }
    }
    Ok(())
}
