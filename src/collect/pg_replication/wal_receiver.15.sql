-- A standby: what it receives, what it has replayed, and whether replay is paused. There without a receiver too, as
-- when WAL comes from an archive or the primary is away: pid is absent then. receive_behind_bytes is measured against
-- the last position that the sender told. replay_lag_ms is zero only while a receiver runs and all it received is
-- replayed, else the age of the last commit that was replayed. Never conninfo, which may hold a password.
-- Cost: one row of shared memory. Needs: pg_read_all_stats for what the receiver does.
select
    r.pid
    , r.status
    , r.slot_name
    , r.sender_host
    , r.sender_port
    , r.receive_start_lsn::text as receive_start_lsn
    , r.receive_start_tli
    , r.written_lsn::text as written_lsn
    , r.flushed_lsn::text as flushed_lsn
    , r.received_tli
    , r.latest_end_lsn::text as latest_end_lsn
    , r.latest_end_time
    , r.last_msg_send_time
    , r.last_msg_receipt_time
    , (extract(epoch from pg_catalog.clock_timestamp() - r.last_msg_receipt_time) * 1000)::float8 as last_msg_age_ms
    , (r.latest_end_lsn - h.received)::int8 as receive_behind_bytes
    , h.received::text as receive_lsn
    , h.replayed::text as replay_lsn
    , (h.received - h.replayed)::int8 as replay_behind_bytes
    , h.commit_at as last_replayed_commit_at
    , case
        when r.pid is not null and h.replayed >= h.received then 0
        else extract(epoch from pg_catalog.clock_timestamp() - h.commit_at) * 1000
    end::float8 as replay_lag_ms
    , pg_catalog.pg_is_wal_replay_paused() as replay_paused
    , pg_catalog.pg_get_wal_replay_pause_state() as replay_pause_state
    , p.prefetch as prefetch_blocks
    , p.hit as prefetch_hits
    , p.skip_init as prefetch_skipped_init
    , p.skip_new as prefetch_skipped_new
    , p.skip_fpw as prefetch_skipped_fpw
    , p.skip_rep as prefetch_skipped_repeated
    , p.wal_distance as prefetch_wal_distance_bytes
    , p.block_distance as prefetch_block_distance
    , p.io_depth as prefetch_io_depth
    , p.stats_reset as prefetch_stats_reset
from (
    select
        pg_catalog.pg_last_wal_receive_lsn() as received
        , pg_catalog.pg_last_wal_replay_lsn() as replayed
        , pg_catalog.pg_last_xact_replay_timestamp() as commit_at
) h
left join pg_catalog.pg_stat_get_wal_receiver() r on r.pid is not null
cross join pg_catalog.pg_stat_get_recovery_prefetch() p
