//! What alerts want to know of the watched servers and hosts: from the newest item of each, without looking at history. Of what
//! has not been told for a while nothing is said; that a collector is silent is an alert of its own.

use tokio_postgres::GenericClient;

use super::failure::Failure;

pub struct Figure {
    /// Without `_total`, which a counter's sample has.
    pub name: &'static str,
    pub help: &'static str,
    pub counter: bool,
    /// Besides collector and name.
    pub labels: &'static [&'static str],
    /// Collector, its name, the labels, the value. Each place once.
    sql: &'static str,
}

pub struct Sample {
    pub collector: String,
    pub name: String,
    pub labels: Vec<String>,
    pub value: f64,
}

/// Rows of one figure.
const SHOWN: i64 = 20_000;

/// Of collectors that were heard of not long ago: `type` items are looked up through `latest`.
macro_rules! newest {
    ($kind:literal) => {
        concat!(
            " from collectors c cross join lateral newest('",
            $kind,
            "', array[c.id]) r where c.last_seen > now() - interval '15 minutes' and r.\"timestamp\" > now() - interval '15 minutes' "
        )
    };
}

pub const FIGURES: &[Figure] = &[
    Figure {
        name: "pganalytics_query_sampling_percent",
        help: "Statements in a batch, of those in pg_stat_statements",
        counter: false,
        labels: &["server", "database"],
        sql: concat!(
            "select c.id::text, c.name, array[r.server, coalesce(r.database, '')], (r.data #>> '{stats,sampling_percent}')::float8",
            newest!("pg_query_stats"),
            "and r.data #>> '{stats,sampling_percent}' is not null"
        ),
    },
    Figure {
        name: "pganalytics_query_time_covered_percent",
        help: "Time of the statements in a batch, of that of all",
        counter: false,
        labels: &["server", "database"],
        sql: concat!(
            "select c.id::text, c.name, array[r.server, coalesce(r.database, '')], (r.data #>> '{stats,time_covered_percent}')::float8",
            newest!("pg_query_stats"),
            "and r.data #>> '{stats,time_covered_percent}' is not null"
        ),
    },
    Figure {
        name: "pganalytics_blocks_hit",
        help: "Blocks that a database found in shared buffers",
        counter: true,
        labels: &["server", "database"],
        sql: concat!(
            "select c.id::text, c.name, array[r.server, r.database], (r.data ->> 'blocks_hit')::float8",
            newest!("pg_stats"),
            "and r.database is not null and r.data ->> 'blocks_hit' is not null"
        ),
    },
    Figure {
        name: "pganalytics_blocks_read",
        help: "Blocks that a database had to read",
        counter: true,
        labels: &["server", "database"],
        sql: concat!(
            "select c.id::text, c.name, array[r.server, r.database], (r.data ->> 'blocks_read')::float8",
            newest!("pg_stats"),
            "and r.database is not null and r.data ->> 'blocks_read' is not null"
        ),
    },
    Figure {
        name: "pganalytics_replicas",
        help: "Standbys and subscribers that stream from a server",
        counter: false,
        labels: &["server"],
        sql: concat!(
            "select c.id::text, c.name, array[r.server], (select count(*) from replication_status s where s.collector_id = c.id \
             and s.\"timestamp\" = r.\"timestamp\" and s.item = r.id and s.state = 'streaming')::float8",
            newest!("pg_replication"),
            "and r.database is null"
        ),
    },
    Figure {
        name: "pganalytics_replay_lag_seconds",
        help: "How long what a server writes takes until a standby has replayed it",
        counter: false,
        labels: &["server", "application"],
        sql: "select c.id::text, c.name, array[r.server, coalesce(r.application_name, '')], max(r.replay_lag_ms) / 1000 from (\
             select s.collector_id, s.server, s.application_name, s.replay_lag_ms from collectors c \
             cross join lateral newest('pg_replication', array[c.id]) r \
             join replication_status s on s.collector_id = c.id and s.\"timestamp\" = r.\"timestamp\" and s.item = r.id \
             where c.last_seen > now() - interval '15 minutes' and r.\"timestamp\" > now() - interval '15 minutes' \
             and s.\"timestamp\" > now() - interval '15 minutes' and s.replay_lag_ms is not null) r \
             join collectors c on c.id = r.collector_id group by 1, 2, 3",
    },
    Figure {
        name: "pganalytics_inactive_slots",
        help: "Slots that nobody reads from: they keep WAL",
        counter: false,
        labels: &["server"],
        sql: concat!(
            "select c.id::text, c.name, array[r.server], (select count(*) from replication_slots s where s.collector_id = c.id \
             and s.\"timestamp\" = r.\"timestamp\" and s.item = r.id and not s.active)::float8",
            newest!("pg_replication"),
            "and r.database is null"
        ),
    },
    Figure {
        name: "pganalytics_wraparound_left_percent",
        help: "What remains until wraparound, of transaction ids or multixacts, whichever is less",
        counter: false,
        labels: &["server", "database"],
        sql: "select c.id::text, c.name, array[r.server, r.database], min(r.remaining) from (\
             select s.collector_id, s.server, s.database, 100 - greatest(s.percent_until_wraparound, s.percent_until_mxid_wraparound) as remaining \
             from collectors c cross join lateral newest('pg_replication', array[c.id]) r \
             join wraparound_risk s on s.collector_id = c.id and s.\"timestamp\" = r.\"timestamp\" and s.item = r.id \
             where c.last_seen > now() - interval '15 minutes' and r.\"timestamp\" > now() - interval '15 minutes' \
             and s.\"timestamp\" > now() - interval '15 minutes') r \
             join collectors c on c.id = r.collector_id where r.remaining is not null and r.database is not null group by 1, 2, 3",
    },
    Figure {
        name: "pganalytics_disk_free_percent",
        help: "What a file system of a collector's host has left",
        counter: false,
        labels: &["mount"],
        sql: "select c.id::text, c.name, array[f.mount], min(100 - f.percent_used) from collectors c \
             cross join lateral newest('disk_usage', array[c.id]) r \
             cross join lateral jsonb_to_recordset(r.data -> 'filesystems') f (mount text, percent_used float8) \
             where c.last_seen > now() - interval '15 minutes' and r.\"timestamp\" > now() - interval '15 minutes' \
             and f.percent_used is not null and f.mount is not null group by 1, 2, 3",
    },
];

pub async fn samples(client: &impl GenericClient, figure: &Figure) -> Result<Vec<Sample>, Failure> {
    let sql = format!("{} limit {SHOWN}", figure.sql);
    let rows = client.query_typed(&sql, &[]).await?;
    let sample = |row: &tokio_postgres::Row| {
        Ok(Sample {
            collector: row.try_get(0)?,
            name: row.try_get(1)?,
            labels: row.try_get(2)?,
            value: row.try_get(3)?,
        })
    };
    rows.iter().map(sample).collect()
}
