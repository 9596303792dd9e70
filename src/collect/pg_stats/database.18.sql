-- Counters of the watched databases ($1: their names), in one reading. Cost: a row for each. Needs: nothing.
select
    d.datname::text as database
    , d.numbackends::int4 as backends
    , d.xact_commit as transactions_committed
    , d.xact_rollback as transactions_rolledback
    , d.blks_read as blocks_read
    , d.blks_hit as blocks_hit
    , d.tup_returned as tuples_returned
    , d.tup_fetched as tuples_fetched
    , d.tup_inserted as tuples_inserted
    , d.tup_updated as tuples_updated
    , d.tup_deleted as tuples_deleted
    , d.temp_files
    , d.temp_bytes
    , d.deadlocks
    , d.checksum_failures
    , d.checksum_last_failure as checksum_last_failure_at
    , d.blk_read_time as block_read_time_ms
    , d.blk_write_time as block_write_time_ms
    , d.session_time as session_time_ms
    , d.active_time as active_time_ms
    , d.idle_in_transaction_time as idle_in_transaction_time_ms
    , d.sessions
    , d.sessions_abandoned
    , d.sessions_fatal
    , d.sessions_killed
    , d.parallel_workers_to_launch
    , d.parallel_workers_launched
    , d.conflicts
    , c.confl_tablespace as conflicts_tablespace
    , c.confl_lock as conflicts_lock
    , c.confl_snapshot as conflicts_snapshot
    , c.confl_bufferpin as conflicts_bufferpin
    , c.confl_deadlock as conflicts_deadlock
    , c.confl_active_logicalslot as conflicts_active_logicalslot
    , d.stats_reset
    , pg_catalog.pg_postmaster_start_time() as server_started_at
from pg_catalog.pg_stat_database d
join pg_catalog.pg_stat_database_conflicts c on c.datid = d.datid
where d.datname = any ($1::text[])
