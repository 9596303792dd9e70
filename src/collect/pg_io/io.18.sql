-- Input and output by kind of process, object and context, without the rows that are all zero (_total counts them too).
-- What cannot happen has no figure, and what was never timed no time: WAL has a switch of its own for that. Cost: some
-- 80 counters from shared memory. Needs: nothing.
select
    s.backend_type
    , s.object
    , s.context
    , s.reads
    , s.read_bytes::int8 as read_bytes
    , case when s.timed or s.read_time > 0 then s.read_time end as read_time_ms
    , s.writes
    , s.write_bytes::int8 as write_bytes
    , case when s.timed or s.write_time > 0 then s.write_time end as write_time_ms
    , s.writebacks
    , case when s.timed or s.writeback_time > 0 then s.writeback_time end as writeback_time_ms
    , s.extends
    , s.extend_bytes::int8 as extend_bytes
    , case when s.timed or s.extend_time > 0 then s.extend_time end as extend_time_ms
    , s.hits
    , s.evictions
    , s.reuses
    , s.fsyncs
    , case when s.timed or s.fsync_time > 0 then s.fsync_time end as fsync_time_ms
    , s.stats_reset
    , s.total as _total
from (
    select
        i.backend_type
        , i.object
        , i.context
        , i.reads
        , i.read_bytes
        , i.read_time
        , i.writes
        , i.write_bytes
        , i.write_time
        , i.writebacks
        , i.writeback_time
        , i.extends
        , i.extend_bytes
        , i.extend_time
        , i.hits
        , i.evictions
        , i.reuses
        , i.fsyncs
        , i.fsync_time
        , i.stats_reset
        , case i.object
            when 'wal' then pg_catalog.current_setting('track_wal_io_timing')::bool
            else pg_catalog.current_setting('track_io_timing')::bool
        end as timed
        , count(*) over () as total
    from pg_catalog.pg_stat_io i
) s
where greatest(s.reads, s.writes, s.writebacks, s.extends, s.hits, s.evictions, s.reuses, s.fsyncs) > 0
