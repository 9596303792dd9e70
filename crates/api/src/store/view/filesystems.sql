select f ->> 'mount' as mount, f ->> 'device' as device
    , jsonb_path_query_first(f, '$.percent_used.double()', '{}', true)::float8 as used_percent
    , jsonb_path_query_first(f, '$.free_bytes.double()', '{}', true)::float8 as free_bytes
    , jsonb_path_query_first(f, '$.total_bytes.double()', '{}', true)::float8 as total_bytes
from newest('disk_usage', array[$1]) r
cross join lateral jsonb_path_query(r.data, '$.filesystems[*]', '{}', true) f
order by 3 desc nulls last
