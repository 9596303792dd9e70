-- How often entries were evicted, and since when all of them count, the moment of reading, whether the server counts statements at all, and which roles ($1: who logged in) are ours. Cost: none to speak of. Needs: nothing.
select
    i.dealloc::int8 as dealloc
  , i.stats_reset::timestamptz as stats_reset
  , pg_catalog.clock_timestamp()::timestamptz as taken_at
  , pg_catalog.current_setting('compute_query_id', true)::text as compute_query_id
  , pg_catalog.current_setting('pg_stat_statements.track', true)::text as track
  , pg_catalog.to_regrole(pg_catalog.quote_ident($1::text))::oid as login_role
  , pg_catalog.to_regrole(pg_catalog.quote_ident(current_user))::oid as active_role
from :"pgss".pg_stat_statements_info() i
