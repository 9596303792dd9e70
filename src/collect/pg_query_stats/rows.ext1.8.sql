-- All figures of the chosen statements, and the texts of those marked so: $6 characters each, until $7 bytes are reached. Cost: one scan, with texts it also reads the whole text file. Needs: pg_read_all_stats.
-- 1.8 cannot tell nested from top-level calls, and a server newer than its extension gives one row for each: they are one statement here.
select
    s.queryid::text as hash
  , s.dbid::oid as _dbid
  , s.userid::oid as userid
  , true::bool as toplevel
  , pg_catalog.max(r.rolname)::text as "user"
  , case when coalesce(pg_catalog.sum(case when w.with_text then least(pg_catalog.octet_length(pg_catalog.min(s.query)), $6::int4) end) over (order by w.position rows between unbounded preceding and 1 preceding), 0) < $7::int8 and w.with_text then pg_catalog.left(pg_catalog.min(s.query), $6::int4) end::text as _text
  , case when w.with_text then pg_catalog.char_length(pg_catalog.min(s.query)) end::int8 as _text_length
  , pg_catalog.sum(s.calls)::int8 as calls
  , pg_catalog.sum(s.total_exec_time)::float8 as total_time
  , coalesce(pg_catalog.sum(s.total_exec_time) / nullif(pg_catalog.sum(s.calls), 0), 0)::float8 as mean_time
  , pg_catalog.min(s.min_exec_time)::float8 as min_time
  , pg_catalog.max(s.max_exec_time)::float8 as max_time
  , case when pg_catalog.count(*) = 1 then pg_catalog.max(s.stddev_exec_time) else coalesce(pg_catalog.sqrt(greatest(pg_catalog.sum(s.calls * (s.stddev_exec_time ^ 2 + s.mean_exec_time ^ 2)) / nullif(pg_catalog.sum(s.calls), 0) - (pg_catalog.sum(s.total_exec_time) / nullif(pg_catalog.sum(s.calls), 0)) ^ 2, 0)), 0) end::float8 as stddev_time
  , pg_catalog.sum(s.plans)::int8 as plans
  , pg_catalog.sum(s.total_plan_time)::float8 as total_plan_time
  , coalesce(pg_catalog.sum(s.total_plan_time) / nullif(pg_catalog.sum(s.plans), 0), 0)::float8 as mean_plan_time
  , pg_catalog.min(s.min_plan_time)::float8 as min_plan_time
  , pg_catalog.max(s.max_plan_time)::float8 as max_plan_time
  , case when pg_catalog.count(*) = 1 then pg_catalog.max(s.stddev_plan_time) else coalesce(pg_catalog.sqrt(greatest(pg_catalog.sum(s.plans * (s.stddev_plan_time ^ 2 + s.mean_plan_time ^ 2)) / nullif(pg_catalog.sum(s.plans), 0) - (pg_catalog.sum(s.total_plan_time) / nullif(pg_catalog.sum(s.plans), 0)) ^ 2, 0)), 0) end::float8 as stddev_plan_time
  , pg_catalog.sum(s.rows)::int8 as rows
  , pg_catalog.sum(s.shared_blks_hit)::int8 as shared_blks_hit
  , pg_catalog.sum(s.shared_blks_read)::int8 as shared_blks_read
  , pg_catalog.sum(s.shared_blks_dirtied)::int8 as shared_blks_dirtied
  , pg_catalog.sum(s.shared_blks_written)::int8 as shared_blks_written
  , pg_catalog.sum(s.local_blks_hit)::int8 as local_blks_hit
  , pg_catalog.sum(s.local_blks_read)::int8 as local_blks_read
  , pg_catalog.sum(s.local_blks_dirtied)::int8 as local_blks_dirtied
  , pg_catalog.sum(s.local_blks_written)::int8 as local_blks_written
  , pg_catalog.sum(s.temp_blks_read)::int8 as temp_blks_read
  , pg_catalog.sum(s.temp_blks_written)::int8 as temp_blks_written
  , pg_catalog.sum(s.blk_read_time)::float8 as blk_read_time
  , pg_catalog.sum(s.blk_write_time)::float8 as blk_write_time
  , pg_catalog.sum(s.wal_records)::int8 as wal_records
  , pg_catalog.sum(s.wal_fpi)::int8 as wal_fpi
  , least(pg_catalog.sum(s.wal_bytes), 9223372036854775807)::int8 as wal_bytes
from rows from (pg_catalog.unnest($1::int8[]), pg_catalog.unnest($2::oid[]), pg_catalog.unnest($3::oid[]), pg_catalog.unnest($4::bool[]), pg_catalog.unnest($5::bool[])) with ordinality
    w(queryid, dbid, userid, toplevel, with_text, position)
join :"pgss".pg_stat_statements(true = any ($5::bool[])) s
    on s.queryid = w.queryid and s.dbid = w.dbid and s.userid = w.userid
left join pg_catalog.pg_roles r
    on r.oid = s.userid
group by w.position, w.with_text, s.queryid, s.dbid, s.userid
order by w.position
