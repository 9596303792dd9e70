-- All figures of the chosen statements, and the texts of those marked so: $6 characters each, until $7 bytes are reached. Cost: one scan, with texts it also reads the whole text file. Needs: pg_read_all_stats.
select
    s.queryid::text as hash
  , s.dbid::oid as _dbid
  , s.userid::oid as userid
  , s.toplevel::bool as toplevel
  , r.rolname::text as "user"
  , case when coalesce(pg_catalog.sum(case when w.with_text then least(pg_catalog.octet_length(s.query), $6::int4) end) over (order by w.position rows between unbounded preceding and 1 preceding), 0) < $7::int8 and w.with_text then pg_catalog.left(s.query, $6::int4) end::text as _text
  , case when w.with_text then pg_catalog.char_length(s.query) end::int8 as _text_length
  , s.calls::int8 as calls
  , s.total_exec_time::float8 as total_time
  , s.mean_exec_time::float8 as mean_time
  , s.min_exec_time::float8 as min_time
  , s.max_exec_time::float8 as max_time
  , s.stddev_exec_time::float8 as stddev_time
  , s.plans::int8 as plans
  , s.total_plan_time::float8 as total_plan_time
  , s.mean_plan_time::float8 as mean_plan_time
  , s.min_plan_time::float8 as min_plan_time
  , s.max_plan_time::float8 as max_plan_time
  , s.stddev_plan_time::float8 as stddev_plan_time
  , s.rows::int8 as rows
  , s.shared_blks_hit::int8 as shared_blks_hit
  , s.shared_blks_read::int8 as shared_blks_read
  , s.shared_blks_dirtied::int8 as shared_blks_dirtied
  , s.shared_blks_written::int8 as shared_blks_written
  , s.local_blks_hit::int8 as local_blks_hit
  , s.local_blks_read::int8 as local_blks_read
  , s.local_blks_dirtied::int8 as local_blks_dirtied
  , s.local_blks_written::int8 as local_blks_written
  , s.temp_blks_read::int8 as temp_blks_read
  , s.temp_blks_written::int8 as temp_blks_written
  , s.shared_blk_read_time::float8 as blk_read_time
  , s.shared_blk_write_time::float8 as blk_write_time
  , s.local_blk_read_time::float8 as local_blk_read_time
  , s.local_blk_write_time::float8 as local_blk_write_time
  , s.temp_blk_read_time::float8 as temp_blk_read_time
  , s.temp_blk_write_time::float8 as temp_blk_write_time
  , s.wal_records::int8 as wal_records
  , s.wal_fpi::int8 as wal_fpi
  , least(s.wal_bytes, 9223372036854775807)::int8 as wal_bytes
  , s.wal_buffers_full::int8 as wal_buffers_full
  , s.jit_functions::int8 as jit_functions
  , s.jit_generation_time::float8 as jit_generation_time
  , s.jit_inlining_count::int8 as jit_inlining_count
  , s.jit_inlining_time::float8 as jit_inlining_time
  , s.jit_optimization_count::int8 as jit_optimization_count
  , s.jit_optimization_time::float8 as jit_optimization_time
  , s.jit_emission_count::int8 as jit_emission_count
  , s.jit_emission_time::float8 as jit_emission_time
  , s.jit_deform_count::int8 as jit_deform_count
  , s.jit_deform_time::float8 as jit_deform_time
  , s.parallel_workers_to_launch::int8 as parallel_workers_to_launch
  , s.parallel_workers_launched::int8 as parallel_workers_launched
  , s.generic_plan_calls::int8 as generic_plan_calls
  , s.custom_plan_calls::int8 as custom_plan_calls
  , s.stats_since::timestamptz as stats_since
  , s.minmax_stats_since::timestamptz as minmax_stats_since
from rows from (pg_catalog.unnest($1::int8[]), pg_catalog.unnest($2::oid[]), pg_catalog.unnest($3::oid[]), pg_catalog.unnest($4::bool[]), pg_catalog.unnest($5::bool[])) with ordinality
    w(queryid, dbid, userid, toplevel, with_text, position)
join :"pgss".pg_stat_statements(true = any ($5::bool[])) s
    on s.queryid = w.queryid and s.dbid = w.dbid and s.userid = w.userid and s.toplevel = w.toplevel
left join pg_catalog.pg_roles r
    on r.oid = s.userid
order by w.position
