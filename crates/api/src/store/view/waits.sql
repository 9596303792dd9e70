-- Who waits for whom, those that have waited longest first.
select jsonb_path_query_first(w, '$.blocked_pid.double()', '{}', true)::float8 as blocked_pid
    , w ->> 'blocked_user' as blocked_user, w ->> 'blocked_database' as blocked_database
    , left(w ->> 'blocked_query', 1000) as blocked_query
    , coalesce(jsonb_path_query_first(w, '$.wait_ms.double()', '{}', true), jsonb_path_query_first(w, '$.query_ms.double()', '{}', true))::float8 as wait_ms
    , jsonb_path_query_first(w, '$.depth.double()', '{}', true)::float8 as depth
    , w ->> 'mode' as mode, w ->> 'locktype' as locktype, w ->> 'relation' as relation
    , jsonb_path_query_first(w, '$.blocking_pid.double()', '{}', true)::float8 as blocking_pid
    , w ->> 'blocking_user' as blocking_user, w ->> 'blocking_state' as blocking_state
    , left(w ->> 'blocking_query', 1000) as blocking_query
from newest('pg_locks', array[$1], array[$2]) r
cross join lateral jsonb_path_query(r.data, '$.lock_wait_chains[*]', '{}', true) w
order by 5 desc nulls last
limit 20
