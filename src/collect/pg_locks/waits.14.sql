-- The 200 sessions that wait longest for a lock, and all that are in their way, each with the pids it waits for. A
-- prepared transaction in the way has pid 0. Cost: one reading of the lock table and of all sessions, and one look at the
-- lock table for each that waits. Needs: pg_read_all_stats for other roles' statements.
with own as materialized (
    select a.pid
    from pg_catalog.pg_stat_get_activity(null) a
    where a.application_name = 'pganalytics'
), waiting as materialized (
    select
        l.pid
        , l.locktype
        , l.database
        , l.relation
        , l.mode
        , l.waitstart
        , count(*) over () as total
    from pg_catalog.pg_lock_status() l
    where not l.granted
        and l.pid <> pg_catalog.pg_backend_pid()
        and not exists (select 1 from own o where o.pid = l.pid)
    order by l.waitstart, l.pid
    limit 200
), blocked as materialized (
    select
        w.pid
        , array(select distinct b.pid from pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) b(pid) where not exists (select 1 from own o where o.pid = b.pid)) as blockers
    from waiting w
), involved as materialized (
    select w.pid
    from waiting w
    union
    select pg_catalog.unnest(b.blockers)
    from blocked b
)
select
    i.pid::int4 as pid
    , d.datname::text as database
    , pg_catalog.pg_get_userbyid(a.usesysid)::text as user
    , a.application_name::text as application
    , pg_catalog.host(a.client_addr)::text as client_addr
    , a.backend_type::text as backend_type
    , a.state::text as state
    , a.xact_start as xact_start
    , (extract(epoch from pg_catalog.clock_timestamp() - a.xact_start) * 1000)::float8 as duration_ms
    , (extract(epoch from pg_catalog.clock_timestamp() - a.query_start) * 1000)::float8 as query_ms
    , (extract(epoch from pg_catalog.clock_timestamp() - w.waitstart) * 1000)::float8 as wait_ms
    , nullif(a.query_id, 0)::text as query_hash
    , a.query::text as query
    , w.locktype::text as locktype
    , w.mode::text as mode
    , w.relation::oid as relid
    , case when w.database = 0 or w.database = (select o.oid from pg_catalog.pg_database o where o.datname = pg_catalog.current_database()) then nullif(w.relation::regclass::text, w.relation::text) end::text as relation
    , pg_catalog.array_to_string(b.blockers, ' ')::text as blockers
    , w.total::int8 as total
from involved i
left join waiting w on w.pid = i.pid
left join blocked b on b.pid = i.pid
left join pg_catalog.pg_stat_get_activity(null) a on a.pid = i.pid
left join pg_catalog.pg_database d on d.oid = a.datid
