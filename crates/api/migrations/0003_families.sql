-- Rows of hot families in typed columns, named as on the wire: an item's `queries`, `tables`, `indexes` and so on, taken
-- out of its data. `item` is metrics.id, `position` the row's place in the item; `rest` holds what has no column here, or
-- would not come out of it again as it went in. A statement's text is in query_texts; `texted` marks the row it came with.
-- A figure that is null is not known.

-- Statements: pg_query_stats.queries.
create table query_stats_shape (
    collector_id uuid not null
  , item bigint not null
  , "timestamp" timestamptz not null
  , hash bigint
  , userid bigint
  , calls bigint
  , total_time float8
  , mean_time float8
  , min_time float8
  , max_time float8
  , stddev_time float8
  , plans bigint
  , total_plan_time float8
  , mean_plan_time float8
  , min_plan_time float8
  , max_plan_time float8
  , stddev_plan_time float8
  , rows bigint
  , shared_blks_hit bigint
  , shared_blks_read bigint
  , shared_blks_dirtied bigint
  , shared_blks_written bigint
  , local_blks_hit bigint
  , local_blks_read bigint
  , local_blks_dirtied bigint
  , local_blks_written bigint
  , temp_blks_read bigint
  , temp_blks_written bigint
  , blk_read_time float8
  , blk_write_time float8
  , local_blk_read_time float8
  , local_blk_write_time float8
  , temp_blk_read_time float8
  , temp_blk_write_time float8
  , wal_records bigint
  , wal_fpi bigint
  , wal_bytes bigint
  , wal_buffers_full bigint
  , jit_functions bigint
  , jit_generation_time float8
  , jit_inlining_count bigint
  , jit_inlining_time float8
  , jit_optimization_count bigint
  , jit_optimization_time float8
  , jit_emission_count bigint
  , jit_emission_time float8
  , jit_deform_count bigint
  , jit_deform_time float8
  , parallel_workers_to_launch bigint
  , parallel_workers_launched bigint
  , generic_plan_calls bigint
  , custom_plan_calls bigint
  , stats_since timestamptz
  , minmax_stats_since timestamptz
  , growth_calls bigint
  , growth_time float8
  , since timestamptz
  , position integer not null
  , toplevel boolean
  , texted boolean
  , server text not null
  , database text
  , "user" text
  , standing text
  , rest jsonb
);

-- Tables: pg_stats.tables.
create table table_stats_shape (
    collector_id uuid not null
  , item bigint not null
  , "timestamp" timestamptz not null
  , relid bigint
  , seq_scans bigint
  , seq_tuples_read bigint
  , index_scans bigint
  , index_tuples_fetched bigint
  , tuples_inserted bigint
  , tuples_updated bigint
  , tuples_deleted bigint
  , tuples_hot_updated bigint
  , tuples_newpage_updated bigint
  , last_seq_scan timestamptz
  , last_index_scan timestamptz
  , live_tuples bigint
  , dead_tuples bigint
  , modified_since_analyze bigint
  , inserted_since_vacuum bigint
  , last_vacuum timestamptz
  , last_autovacuum timestamptz
  , last_analyze timestamptz
  , last_autoanalyze timestamptz
  , vacuum_count bigint
  , autovacuum_count bigint
  , analyze_count bigint
  , autoanalyze_count bigint
  , vacuum_time_ms float8
  , autovacuum_time_ms float8
  , analyze_time_ms float8
  , autoanalyze_time_ms float8
  , xid_age bigint
  , stats_reset timestamptz
  , size_bytes bigint
  , position integer not null
  , size_estimated boolean
  , server text not null
  , database text
  , schema text
  , name text
  , kind text
  , rest jsonb
);

-- Indexes: pg_stats.indexes.
create table index_stats_shape (
    collector_id uuid not null
  , item bigint not null
  , "timestamp" timestamptz not null
  , relid bigint
  , scans bigint
  , tuples_read bigint
  , tuples_returned bigint
  , last_scan timestamptz
  , stats_reset timestamptz
  , size_bytes bigint
  , position integer not null
  , valid boolean
  , "unique" boolean
  , "primary" boolean
  , size_estimated boolean
  , server text not null
  , database text
  , schema text
  , name text
  , "table" text
  , status text
  , rest jsonb
);

-- Standbys and subscribers of a server.
create table replication_status_shape (
    collector_id uuid not null
  , item bigint not null
  , "timestamp" timestamptz not null
  , server_pid bigint
  , client_port bigint
  , backend_start timestamptz
  , backend_xmin_age bigint
  , sync_priority bigint
  , sent_behind_bytes bigint
  , write_behind_bytes bigint
  , flush_behind_bytes bigint
  , replay_behind_bytes bigint
  , behind_by_mb float8
  , write_lag_ms float8
  , flush_lag_ms float8
  , replay_lag_ms float8
  , reply_time timestamptz
  , position integer not null
  , server text not null
  , usename text
  , application_name text
  , client_addr text
  , client_hostname text
  , slot_name text
  , state text
  , sync_state text
  , sent_lsn text
  , write_lsn text
  , flush_lsn text
  , replay_lsn text
  , rest jsonb
);

-- Replication slots.
create table replication_slots_shape (
    collector_id uuid not null
  , item bigint not null
  , "timestamp" timestamptz not null
  , backend_pid bigint
  , xmin_age bigint
  , catalog_xmin_age bigint
  , confirmed_flush_behind_bytes bigint
  , safe_wal_size bigint
  , bytes_retained bigint
  , wal_retained_mb float8
  , inactive_since timestamptz
  , position integer not null
  , temporary boolean
  , active boolean
  , plugin_active boolean
  , two_phase boolean
  , conflicting boolean
  , failover boolean
  , synced boolean
  , server text not null
  , slot_name text
  , slot_type text
  , database text
  , plugin text
  , restart_lsn text
  , confirmed_flush_lsn text
  , wal_status text
  , invalidation_reason text
  , two_phase_at text
  , slotsync_skip_reason text
  , rest jsonb
);

-- Transaction ids left, by database.
create table wraparound_risk_shape (
    collector_id uuid not null
  , item bigint not null
  , "timestamp" timestamptz not null
  , relfrozenxid bigint
  , current_xid bigint
  , xid_age bigint
  , xid_until_wraparound bigint
  , percent_until_wraparound float8
  , freeze_max_age bigint
  , relminmxid bigint
  , current_mxid bigint
  , mxid_age bigint
  , mxid_until_wraparound bigint
  , percent_until_mxid_wraparound float8
  , multixact_freeze_max_age bigint
  , tables_needing_vacuum bigint
  , tables_needing_mxid_vacuum bigint
  , oldest_table_age bigint
  , oldest_mxid_table_age bigint
  , position integer not null
  , at_risk boolean
  , mxid_at_risk boolean
  , oldest_table_is_toast boolean
  , oldest_mxid_table_is_toast boolean
  , server text not null
  , database text
  , oldest_table_schema text
  , oldest_table_name text
  , oldest_mxid_table_schema text
  , oldest_mxid_table_name text
  , rest jsonb
);

-- With TimescaleDB in this database they become hypertables; without it, or before it is here, they are partitioned by the
-- server itself. Either way a chunk is a day, and days are dropped whole.
do $$
declare
    hyper constant regnamespace := (select extnamespace from pg_catalog.pg_extension where extname = 'timescaledb');
    family text;
begin
    foreach family in array array['query_stats', 'table_stats', 'index_stats', 'replication_status', 'replication_slots', 'wraparound_risk']
    loop
        if hyper is not null then
            execute format('alter table %I rename to %I', family || '_shape', family);
            execute format('select %s.create_hypertable(%L, ''timestamp'', chunk_time_interval => interval ''1 day'', create_default_indexes => false)', hyper, family);
        else
            execute format('create table %I (like %I) partition by range ("timestamp")', family, family || '_shape');
            execute format('drop table %I', family || '_shape');
        end if;
        execute format('create index %I on %I (collector_id, "timestamp")', family || '_collector', family);
    end loop;
end
$$;
