-- Sessions that wait for a lock at each run.
select 1, 'waiting for a lock', extract(epoch from r."timestamp")::float8
    , coalesce(jsonb_path_query_first(r.data, '$.waiting.double()', '{}', true)::float8, 0)
from items('pg_locks', $3, $4, $5 * interval '1 second', array[$1], array[$2]) r
where r."timestamp" > $3
