-- Entries of the log by level, counted over steps that are not shorter than the log is read.
select n.place, n.name, s.at, sum(coalesce(jsonb_path_query_first(m.data -> 'by_level', n.path::jsonpath, '{}', true)::float8, 0))
from metrics m
cross join lateral (
    select floor(extract(epoch from m."timestamp") / greatest($5, 300)) * greatest($5, 300)::float8 as at
) s
cross join (values (1, 'panic', '$.panic.double()'), (2, 'fatal', '$.fatal.double()'), (3, 'error', '$.error.double()'), (4, 'warning', '$.warning.double()')) n(place, name, path)
where m.collector_id = $1 and m.type = 'pg_log' and m.server = $2 and m."timestamp" > $3 and m."timestamp" <= $4
group by 1, 2, 3
