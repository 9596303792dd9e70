-- Checkpoints, and who wrote buffers out; the last checkpoint from the control file. Each of the three sources is reset
-- by itself. buffers_backend is what client backends wrote of relations, from pg_stat_io: unlike up to 16 without what
-- they extended. Cost: some 50 counters and one small file. Needs: nothing.
select
    c.num_timed as checkpoints_timed
    , c.num_requested as checkpoints_requested
    , c.restartpoints_timed
    , c.restartpoints_req as restartpoints_requested
    , c.restartpoints_done
    , c.write_time as checkpoint_write_time_ms
    , c.sync_time as checkpoint_sync_time_ms
    , c.buffers_written as buffers_checkpoint
    , b.buffers_clean
    , b.maxwritten_clean
    , i.writes as buffers_backend
    , i.fsyncs as buffers_backend_fsync
    , b.buffers_alloc
    , b.stats_reset as bgwriter_stats_reset
    , c.stats_reset as checkpointer_stats_reset
    , i.stats_reset as backend_stats_reset
    , k.checkpoint_time as last_checkpoint_at
    , extract(epoch from pg_catalog.clock_timestamp() - k.checkpoint_time)::float8 as last_checkpoint_age_s
    , k.redo_lsn::text as last_checkpoint_redo_lsn
from pg_catalog.pg_stat_checkpointer c
cross join pg_catalog.pg_stat_bgwriter b
cross join (
    select
        sum(o.writes)::int8 as writes
        , sum(o.fsyncs)::int8 as fsyncs
        , max(o.stats_reset) as stats_reset
    from pg_catalog.pg_stat_io o
    where o.backend_type = 'client backend' and o.object = 'relation'
) i
cross join pg_catalog.pg_control_checkpoint() k
