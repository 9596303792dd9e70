-- VACUUMs under way, the longest first. Percent is absent where the server knows no total. Cost: only asked while
-- there is one; one reading of all sessions. Needs: pg_read_all_stats for other roles' commands.
select
    s.pid::int4 as pid
    , s.datname::text as database
    , nullif(s.relid, 0)::oid as relid
    , case when s.datname = pg_catalog.current_database() then nullif(s.relid::regclass::text, s.relid::text) end::text as relation
    , s.phase::text as phase
    , s.heap_blks_total::int8 as heap_blks_total
    , s.heap_blks_scanned::int8 as heap_blks_scanned
    , s.heap_blks_vacuumed::int8 as heap_blks_vacuumed
    , s.index_vacuum_count::int8 as index_vacuum_count
    , s.max_dead_tuples::int8 as max_dead_tuples
    , s.num_dead_tuples::int8 as num_dead_tuples
    , (100.0 * s.heap_blks_scanned / nullif(s.heap_blks_total, 0))::float8 as percent
    , pg_catalog.pg_get_userbyid(a.usesysid)::text as user
    , a.application_name::text as application
    , a.backend_type::text as backend_type
    , a.wait_event_type::text as wait_event_type
    , a.wait_event::text as wait_event
    , coalesce(a.query_start, a.backend_start) as started_at
    , (extract(epoch from pg_catalog.clock_timestamp() - coalesce(a.query_start, a.backend_start)) * 1000)::float8 as elapsed_ms
    , a.query::text as query
    , count(*) over () as _total
from pg_catalog.pg_stat_progress_vacuum s
left join pg_catalog.pg_stat_get_activity(null) a on a.pid = s.pid
order by coalesce(a.query_start, a.backend_start), s.pid
limit 100
