-- How often entries were evicted, and since when all of them count. Cost: none to speak of. Needs: nothing.
select
    i.dealloc::int8 as dealloc
  , i.stats_reset::timestamptz as stats_reset
from :"pgss".pg_stat_statements_info() i
