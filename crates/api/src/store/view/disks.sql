-- Percent of each file system in use.
select 1, f ->> 'mount', extract(epoch from r."timestamp")::float8
    , jsonb_path_query_first(f, '$.percent_used.double()', '{}', true)::float8
from items('disk_usage', $3, $4, $5 * interval '1 second', array[$1], every => '5 minutes', most => 600) r
cross join lateral jsonb_path_query(r.data, '$.filesystems[*]', '{}', true) f
where r."timestamp" > $3 and f ->> 'mount' is not null and (f ->> 'read_only') is distinct from 'true'
