-- CREATE INDEX and REINDEX under way, the longest first. Percent is of the phase, absent where it has no total.
-- Cost: only asked while there is one; one reading of all sessions. Needs: pg_read_all_stats for other roles' commands.
select
    s.pid::int4 as pid
    , s.datname::text as database
    , nullif(s.relid, 0)::oid as relid
    , case when s.datname = pg_catalog.current_database() then nullif(s.relid::regclass::text, s.relid::text) end::text as relation
    , nullif(s.index_relid, 0)::oid as index_relid
    , case when s.datname = pg_catalog.current_database() then nullif(nullif(s.index_relid, 0)::regclass::text, s.index_relid::text) end::text as index
    , s.command::text as command
    , s.phase::text as phase
    , s.lockers_total::int8 as lockers_total
    , s.lockers_done::int8 as lockers_done
    , nullif(s.current_locker_pid, 0)::int8 as current_locker_pid
    , s.blocks_total::int8 as blocks_total
    , s.blocks_done::int8 as blocks_done
    , s.tuples_total::int8 as tuples_total
    , s.tuples_done::int8 as tuples_done
    , s.partitions_total::int8 as partitions_total
    , s.partitions_done::int8 as partitions_done
    , (100.0 * coalesce(s.blocks_done / nullif(s.blocks_total, 0)::float8, s.tuples_done / nullif(s.tuples_total, 0)::float8))::float8 as percent
    , pg_catalog.pg_get_userbyid(a.usesysid)::text as user
    , a.application_name::text as application
    , a.backend_type::text as backend_type
    , a.wait_event_type::text as wait_event_type
    , a.wait_event::text as wait_event
    , coalesce(a.query_start, a.backend_start) as started_at
    , (extract(epoch from pg_catalog.clock_timestamp() - coalesce(a.query_start, a.backend_start)) * 1000)::float8 as elapsed_ms
    , a.query::text as query
    , count(*) over () as _total
from pg_catalog.pg_stat_progress_create_index s
left join pg_catalog.pg_stat_get_activity(null) a on a.pid = s.pid
order by coalesce(a.query_start, a.backend_start), s.pid
limit 100
