-- Checkpoints, and who wrote buffers out; the last checkpoint from the control file. One reset covers all counters.
-- buffers_backend counts what anybody but checkpointer and background writer wrote or extended. Cost: eleven counters
-- and one small file. Needs: nothing.
select
    b.checkpoints_timed
    , b.checkpoints_req as checkpoints_requested
    , b.checkpoint_write_time as checkpoint_write_time_ms
    , b.checkpoint_sync_time as checkpoint_sync_time_ms
    , b.buffers_checkpoint
    , b.buffers_clean
    , b.maxwritten_clean
    , b.buffers_backend
    , b.buffers_backend_fsync
    , b.buffers_alloc
    , b.stats_reset as bgwriter_stats_reset
    , b.stats_reset as checkpointer_stats_reset
    , b.stats_reset as backend_stats_reset
    , k.checkpoint_time as last_checkpoint_at
    , extract(epoch from pg_catalog.clock_timestamp() - k.checkpoint_time)::float8 as last_checkpoint_age_s
    , k.redo_lsn::text as last_checkpoint_redo_lsn
from pg_catalog.pg_stat_bgwriter b
cross join pg_catalog.pg_control_checkpoint() k
