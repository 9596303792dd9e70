-- Every statement's key and the figures that rank it, no texts. Cost: one scan, 13 ms per 5,000 statements. Needs: pg_read_all_stats (without it other roles' rows have no queryid).
select
    s.queryid::int8 as queryid
  , s.dbid::oid as dbid
  , s.userid::oid as userid
  , s.toplevel::bool as toplevel
  , s.calls::int8 as calls
  , s.total_exec_time::float8 as total_time
  , s.stats_since::timestamptz as stats_since
from :"pgss".pg_stat_statements(false) s
