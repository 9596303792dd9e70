-- The collector's host: percent of its processors that are busy or wait for disks, and of its memory that is taken.
select n.place, n.name, extract(epoch from r."timestamp")::float8, n.value
from items('sysstat', $3, $4, $5 * interval '1 second', array[$1]) r
cross join lateral (
    select jsonb_path_query_first(r.data, '$.cpu.idle.double()', '{}', true)::float8 as idle
        , jsonb_path_query_first(r.data, '$.cpu.iowait.double()', '{}', true)::float8 as iowait
        , jsonb_path_query_first(r.data, '$.memory.available_mb.double()', '{}', true)::float8 as available
        , jsonb_path_query_first(r.data, '$.memory.total_mb.double()', '{}', true)::float8 as total
) f
cross join lateral (values
    (1, 'processors', greatest(100 - f.idle - coalesce(f.iowait, 0), 0))
  , (2, 'waiting for disks', f.iowait)
  , (3, 'memory', 100 * (1 - f.available / nullif(f.total, 0)))
) n(place, name, value)
where r."timestamp" > $3
