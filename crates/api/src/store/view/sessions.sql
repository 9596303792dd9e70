-- Sessions at each run: at work, of those waiting for something, and idle with a transaction open.
select n.place, n.name, extract(epoch from r."timestamp")::float8
    , jsonb_path_query_first(r.data, n.path::jsonpath, '{}', true)::float8
from items('pg_connections', $3, $4, $5 * interval '1 second', array[$1], array[$2]) r
cross join (values
    (1, 'active', '$.active.double()')
  , (2, 'waiting', '$.active_waiting.double()')
  , (3, 'idle in transaction', '$.idle_in_transaction.double()')
) n(place, name, path)
where r."timestamp" > $3
