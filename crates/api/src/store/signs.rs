//! Signs of trouble: figures of the newest items that are beyond a bound. What a figure means is not known here, nor what
//! bound is one: `attention` has both. Of what was not told for a while nothing is said, as it may be over.
//!
//! A figure that is no number is passed over (`silent`): one collector's oddities are in nobody else's way.

use tokio_postgres::types::Type;
use tokio_postgres::{GenericClient, Row};
use uuid::Uuid;

use super::failure::Failure;

/// Collector, server (none where it is the host's), subject, value, detail.
pub struct Asked {
    sql: &'static str,
    /// The less of it there is, the worse.
    pub falling: bool,
}

const fn rising(sql: &'static str) -> Asked {
    Asked { sql, falling: false }
}

const fn falling(sql: &'static str) -> Asked {
    Asked { sql, falling: true }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sign {
    pub collector: Uuid,
    pub server: Option<String>,
    /// Of what it is the figure: a database, a mount.
    pub subject: Option<String>,
    pub value: f64,
    pub detail: Option<String>,
}

/// Signs of one kind that are told, the worst of them.
const SHOWN: i64 = 200;

macro_rules! number {
    ($object:literal, $path:literal) => {
        concat!("jsonb_path_query_first(", $object, ", '$.", $path, ".double()', '{}', true)::float8")
    };
}

/// Items of this type, of collectors and with times that are not too old.
macro_rules! newest {
    ($kind:literal) => {
        concat!(" from collectors c cross join lateral newest('", $kind, "', array[c.id]) r ", fresh!("r"))
    };
}

macro_rules! fresh {
    ($row:literal) => {
        concat!(
            " where ($1::uuid is null or c.id = $1) and ",
            $row,
            ".\"timestamp\" > now() - greatest(interval '15 minutes', 5 * c.interval_s * interval '1 second') "
        )
    };
}

/// Elements of an array of the item, whatever it is in truth.
macro_rules! each {
    ($array:literal, $name:literal) => {
        concat!(" cross join lateral jsonb_path_query(r.data, '$.", $array, "[*]', '{}', true) ", $name, " ")
    };
}

/// Rows of a table that the newest replication items have.
macro_rules! replication {
    ($table:literal) => {
        concat!(
            " from collectors c cross join lateral newest('pg_replication', array[c.id]) r join ",
            $table,
            " s on s.collector_id = c.id and s.\"timestamp\" = r.\"timestamp\" and s.item = r.id ",
            fresh!("r"),
            "and s.\"timestamp\" > now() - interval '1 day' "
        )
    };
}

/// Standbys that streamed from the server of `r` within the hour before its newest item.
macro_rules! streamed {
    () => {
        " from replication_status s where s.collector_id = c.id and s.server = r.server and s.state = 'streaming' \
         and s.application_name is distinct from 'pg_basebackup' and s.\"timestamp\" > now() - interval '1 day' \
         and s.\"timestamp\" > r.\"timestamp\" - interval '1 hour' and s.\"timestamp\" <= r.\"timestamp\" "
    };
}

/// Of servers that are standbys.
macro_rules! own_receiver {
    () => {
        concat!(newest!("pg_replication"), "and jsonb_typeof(r.data -> 'wal_receiver') = 'object' ")
    };
}

macro_rules! of_each {
    ($kind:literal, $array:literal, $name:literal) => {
        concat!(
            " from collectors c cross join lateral newest('",
            $kind,
            "', array[c.id]) r ",
            each!($array, $name),
            fresh!("r")
        )
    };
}

pub const REFUSED: Asked = rising(concat!(
    "select c.id, s ->> 'server', null, 1::float8, s ->> 'refused'",
    of_each!("agent", "servers", "s"),
    "and s ->> 'refused' is not null"
));

pub const FAILED: Asked = rising(concat!(
    "select c.id, null, string_agg(k ->> 'collector', ', '), count(*)::float8, null",
    of_each!("agent", "collectors", "k"),
    "and k ->> 'outcome' = 'failed' group by c.id"
));

/// Percent left.
pub const WRAPAROUND: Asked = falling(concat!(
    "select c.id, r.server, s.database, 100 - greatest(s.percent_until_wraparound, s.percent_until_mxid_wraparound), null",
    replication!("wraparound_risk")
));

/// The longest wait, in milliseconds. Before 14 a server does not know it: then how long the statement has been under way.
pub const LOCK: Asked = rising(concat!(
    "select distinct on (c.id, r.server) c.id, r.server, ",
    number!("r.data", "waiting"),
    "::text, coalesce(",
    number!("w", "wait_ms"),
    ", ",
    number!("w", "query_ms"),
    ") as value, concat_ws(', ', 'pid ' || (w ->> 'blocking_pid'), w ->> 'blocking_user', w ->> 'blocking_state')",
    of_each!("pg_locks", "lock_wait_chains", "w"),
    "order by c.id, r.server, value desc nulls last"
));

/// Milliseconds of the longest one.
pub const TRANSACTION: Asked = rising(concat!(
    "select distinct on (c.id, r.server) c.id, r.server, t ->> 'state', ",
    number!("t", "duration_ms"),
    " as value, concat_ws(', ', 'pid ' || (t ->> 'pid'), t ->> 'user', t ->> 'application')",
    " from collectors c cross join lateral newest('pg_connections', array[c.id]) r ",
    "cross join lateral unnest(array['long_running_transactions', 'idle_transactions']) k(name) ",
    "cross join lateral jsonb_path_query(r.data -> k.name, '$[*]', '{}', true) t ",
    fresh!("r"),
    "and coalesce(t ->> 'backend_type', 'client backend') = 'client backend' ",
    "order by c.id, r.server, value desc nulls last"
));

/// Percent in use. What is read-only, like an image, is full by nature.
pub const DISK: Asked = rising(concat!(
    "select c.id, null, f ->> 'mount', ",
    number!("f", "percent_used"),
    ", null",
    of_each!("disk_usage", "filesystems", "f"),
    "and (f ->> 'read_only') is distinct from 'true'"
));

/// Milliseconds until a standby has replayed.
pub const LAG: Asked = rising(concat!(
    "select c.id, r.server, s.application_name, s.replay_lag_ms, s.client_addr",
    replication!("replication_status")
));

/// Megabytes that a standby has not replayed, where no lag is known. A base backup replays nothing.
pub const BEHIND: Asked = rising(concat!(
    "select c.id, r.server, s.application_name, s.replay_behind_bytes / 1048576.0::float8, s.client_addr",
    replication!("replication_status"),
    "and s.replay_lag_ms is null and s.state is distinct from 'backup'"
));

/// How many standbys fewer stream than did within the hour before. A base backup's stream ends by nature, and of an item
/// that could not look nothing is said.
pub const GONE: Asked = rising(concat!(
    "select c.id, r.server, (select string_agg(distinct s.application_name, ', ')",
    streamed!(),
    "and not exists (select from replication_status n where n.collector_id = c.id and n.\"timestamp\" = r.\"timestamp\" and n.item = r.id \
       and n.state = 'streaming' and (n.application_name, n.client_addr) is not distinct from (s.application_name, s.client_addr))) \
     , h.most - h.streaming, concat(h.streaming, ' of ', h.most) \
     from collectors c cross join lateral newest('pg_replication', array[c.id]) r \
     cross join lateral (select max(m.standbys) as most, coalesce(max(m.standbys) filter (where m.at = r.\"timestamp\"), 0) as streaming \
       from (select s.\"timestamp\" as at, count(*)::float8 as standbys",
    streamed!(),
    "group by 1) m) h ",
    fresh!("r"),
    "and r.database is null and coalesce(r.data #>> '{parts,replication_status,outcome}', 'ok') in ('ok', 'partial')"
));

/// Milliseconds since the last commit that a standby without a receiver replayed; without end where it replayed none.
pub const RECEIVER: Asked = rising(concat!(
    "select c.id, r.server, null, coalesce(",
    number!("r.data", "wal_receiver.replay_lag_ms"),
    ", 'Infinity'), null",
    own_receiver!(),
    "and r.data #> '{wal_receiver,pid}' is null and (r.data #>> '{wal_receiver,replay_paused}') is distinct from 'true'"
));

/// Whether a standby's replay is paused, and for how many milliseconds it has replayed nothing.
pub const PAUSED: Asked = rising(concat!(
    "select c.id, r.server, ",
    number!("r.data", "wal_receiver.replay_lag_ms"),
    "::text, 1::float8, null",
    own_receiver!(),
    "and r.data #>> '{wal_receiver,replay_paused}' = 'true'"
));

/// Megabytes that an inactive slot keeps.
pub const SLOT: Asked = rising(concat!(
    "select c.id, r.server, s.slot_name, s.wal_retained_mb, s.wal_status",
    replication!("replication_slots"),
    "and not s.active"
));

/// Percent of max_connections.
pub const CONNECTIONS: Asked = rising(concat!(
    "select c.id, r.server, null, ",
    number!("r.data", "used_percent"),
    ", concat(",
    number!("r.data", "total"),
    ", ' of ', ",
    number!("r.data", "max_connections"),
    ")",
    newest!("pg_connections")
));

/// Percent of blocks found in shared buffers, where more than a few are asked for each second.
pub const CACHE: Asked = falling(
    "select r.collector_id, r.server, null, 100 * sum(r.blocks_hit) / nullif(sum(r.blocks_hit + r.blocks_read), 0), null \
          from database_rates(now() - interval '15 minutes', now(), interval '15 minutes' \
              , array(select id from collectors where $1::uuid is null or id = $1)) r \
          group by 1, 2 having sum((r.blocks_hit + r.blocks_read) / r.seconds) > 100",
);

/// A collector's clock may be ahead of ours by a little.
macro_rules! logged {
    () => {
        "from collectors c join metrics m on m.collector_id = c.id and m.type = 'pg_log' \
         and m.\"timestamp\" > now() - interval '15 minutes' and m.\"timestamp\" <= now() + interval '1 hour' "
    };
}

/// Messages that want somebody at once.
pub const ALARM: Asked = rising(concat!(
    "select c.id, m.server, string_agg(distinct k ->> 'kind', ', '), sum(",
    number!("k", "count"),
    "), null ",
    logged!(),
    "cross join lateral jsonb_path_query(m.data, '$.kinds[*]', '{}', true) k ",
    "where ($1::uuid is null or c.id = $1) and k ->> 'severity' = 'critical' group by 1, 2"
));

/// ERROR, FATAL and PANIC.
pub const ERRORS: Asked = rising(concat!(
    "select c.id, m.server, null, sum(l.count), null ",
    logged!(),
    "cross join lateral (select sum(jsonb_path_query_first(m.data -> 'by_level', name::jsonpath, '{}', true)::float8) as count \
           from unnest(array['$.error.double()', '$.fatal.double()', '$.panic.double()']) name) l ",
    "where $1::uuid is null or c.id = $1 group by 1, 2"
));

/// Of one collector, or of all, those that reach the bound.
pub async fn signs(
    client: &impl GenericClient,
    asked: &Asked,
    collector: Option<Uuid>,
    bound: f64,
) -> Result<Vec<Sign>, Failure> {
    let (reaches, order) = if asked.falling { ("<=", "asc") } else { (">=", "desc") };
    let sql = format!(
        "select s.* from ({}) s (collector, server, subject, value, detail) \
         where s.value {reaches} $2 order by s.value {order} limit {SHOWN}",
        asked.sql
    );
    let rows = client.query_typed(&sql, &[(&collector, Type::UUID), (&bound, Type::FLOAT8)]).await?;
    rows.iter().map(sign).collect()
}

fn sign(row: &Row) -> Result<Sign, Failure> {
    Ok(Sign {
        collector: row.try_get(0)?,
        server: row.try_get(1)?,
        subject: row.try_get(2)?,
        value: row.try_get(3)?,
        detail: row.try_get(4)?,
    })
}
