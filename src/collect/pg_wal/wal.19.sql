-- WAL written, and on a primary where it has got to. Writes and syncs moved to pg_stat_io, which is reset by itself: of it,
-- what 14 to 17 count under these names, hence neither new segments (context init) nor a walreceiver's writes. Times that
-- were never taken are absent, not zero. Cost: some 80 counters from shared memory. Needs: nothing.
select
    w.wal_records
    , w.wal_fpi
    , w.wal_fpi_bytes::int8 as wal_fpi_bytes
    , w.wal_bytes::int8 as wal_bytes
    , w.wal_buffers_full
    , i.writes as wal_write
    , i.fsyncs as wal_sync
    , case when t.timed or i.write_time > 0 then i.write_time end as wal_write_time_ms
    , case when t.timed or i.fsync_time > 0 then i.fsync_time end as wal_sync_time_ms
    , t.timed as track_wal_io_timing
    , w.stats_reset
    , i.stats_reset as wal_io_stats_reset
    , p.lsn::text as insert_lsn
    , pg_catalog.pg_wal_lsn_diff(p.lsn, '0/0')::int8 as insert_lsn_bytes
from pg_catalog.pg_stat_wal w
cross join (
    select
        sum(o.writes) filter (where o.backend_type <> 'walreceiver')::int8 as writes
        , sum(o.write_time) filter (where o.backend_type <> 'walreceiver') as write_time
        , sum(o.fsyncs)::int8 as fsyncs
        , sum(o.fsync_time) as fsync_time
        , max(o.stats_reset) as stats_reset
    from pg_catalog.pg_stat_io o
    where o.object = 'wal' and o.context = 'normal'
) i
cross join (
    select pg_catalog.current_setting('track_wal_io_timing')::bool as timed
) t
cross join (
    select case when not pg_catalog.pg_is_in_recovery() then pg_catalog.pg_current_wal_insert_lsn() end as lsn
) p
