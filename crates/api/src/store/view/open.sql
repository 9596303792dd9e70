-- Transactions that are under way for longest; one that does nothing is in both lists.
select distinct jsonb_path_query_first(t, '$.pid.double()', '{}', true)::float8 as pid
    , t ->> 'user' as "user", t ->> 'database' as database, t ->> 'application' as application, t ->> 'state' as state
    , jsonb_path_query_first(t, '$.duration_ms.double()', '{}', true)::float8 as duration_ms
    , left(t ->> 'query', 1000) as query
from newest('pg_connections', array[$1], array[$2]) r
cross join unnest(array['long_running_transactions', 'idle_transactions']) k(name)
cross join lateral jsonb_path_query(r.data -> k.name, '$[*]', '{}', true) t
order by 6 desc nulls last
limit 10
