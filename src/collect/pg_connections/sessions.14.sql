-- Every session but the collector's own, with the statements of those that are 50 longest in a transaction, and of the
-- 50 that are longest idle in one. Cost: one reading of all sessions, a row for each; the view costs 1 ms more than its
-- function. Needs: pg_read_all_stats for what other roles' sessions do.
with activity as materialized (
    select
        a.pid
        , a.datid
        , a.usesysid
        , a.application_name
        , a.client_addr
        , a.backend_type
        , a.state
        , a.wait_event_type
        , a.wait_event
        , a.backend_start
        , a.xact_start
        , a.query_start
        , a.state_change
        , a.backend_xid
        , a.backend_xmin
        , a.query_id
        , a.query
        , row_number() over (partition by a.state like 'idle in transaction%' order by a.xact_start, a.pid) as place
    from pg_catalog.pg_stat_get_activity(null) a
    where a.pid <> pg_catalog.pg_backend_pid()
        and a.application_name is distinct from 'pganalytics'
)
select
    a.pid
    , d.datname::text as database
    , pg_catalog.pg_get_userbyid(a.usesysid)::text as user
    , a.application_name::text as application
    , pg_catalog.host(a.client_addr)::text as client_addr
    , a.backend_type::text as backend_type
    , a.state::text as state
    , a.wait_event_type::text as wait_event_type
    , a.wait_event::text as wait_event
    , a.backend_start as connected_at
    , a.xact_start
    , (extract(epoch from pg_catalog.clock_timestamp() - a.xact_start) * 1000)::float8 as duration_ms
    , (extract(epoch from pg_catalog.clock_timestamp() - a.query_start) * 1000)::float8 as query_ms
    , (extract(epoch from pg_catalog.clock_timestamp() - a.state_change) * 1000)::float8 as state_ms
    , pg_catalog.age(a.backend_xid)::int4 as xid_age
    , pg_catalog.age(a.backend_xmin)::int4 as xmin_age
    , nullif(a.query_id, 0)::text as query_hash
    , case when a.place <= 50 and (a.xact_start is not null or a.state like 'idle in transaction%') then a.query end::text as query
    , a.place <= 50 as _told
    , pg_catalog.current_setting('max_connections')::int4 as _max_connections
    , pg_catalog.current_setting('superuser_reserved_connections')::int4 as _superuser_reserved
    , pg_catalog.current_setting('reserved_connections', true)::int4 as _reserved
from activity a
left join pg_catalog.pg_database d on d.oid = a.datid
