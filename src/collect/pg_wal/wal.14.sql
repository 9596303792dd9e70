-- WAL written, and on a primary where it has got to. Times that were never taken are absent, not zero. Cost: nine
-- counters from shared memory. Needs: nothing.
select
    w.wal_records
    , w.wal_fpi
    , w.wal_bytes::int8 as wal_bytes
    , w.wal_buffers_full
    , w.wal_write
    , w.wal_sync
    , case when t.timed or w.wal_write_time > 0 then w.wal_write_time end as wal_write_time_ms
    , case when t.timed or w.wal_sync_time > 0 then w.wal_sync_time end as wal_sync_time_ms
    , t.timed as track_wal_io_timing
    , w.stats_reset
    , w.stats_reset as wal_io_stats_reset
    , p.lsn::text as insert_lsn
    , pg_catalog.pg_wal_lsn_diff(p.lsn, '0/0')::int8 as insert_lsn_bytes
from pg_catalog.pg_stat_wal w
cross join (
    select pg_catalog.current_setting('track_wal_io_timing')::bool as timed
) t
cross join (
    select case when not pg_catalog.pg_is_in_recovery() then pg_catalog.pg_current_wal_insert_lsn() end as lsn
) p
