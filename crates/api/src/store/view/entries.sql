-- Samples of the span's log entries, those that are alike as one, the newest first. Those that only say what goes on are left out.
select max(o ->> 'at') as at, o ->> 'level' as level, o ->> 'severity' as severity, o ->> 'kind' as kind
    , o ->> 'database' as database, o ->> 'user' as "user", left(o ->> 'message', 500) as message, left(o ->> 'text', 500) as text
    , count(*) as count
from (
    select m.data from metrics m
    where m.collector_id = $1 and m.type = 'pg_log' and m.server = $2 and m."timestamp" > $3 and m."timestamp" <= $4
    order by m."timestamp" desc limit 300
) m
cross join lateral jsonb_path_query(m.data, '$.samples[*]', '{}', true) o
where (o ->> 'severity') is distinct from 'info'
group by 2, 3, 4, 5, 6, 7, 8
order by 1 desc
limit 20
