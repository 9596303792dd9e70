with chosen as materialized (
    select id from collectors where $1::uuid is null or id = $1
), told as (
    select l.collector_id, l.server, max(l."timestamp") as at
    from latest l join chosen c on c.id = l.collector_id
    where l.type in ('pg_stats', 'pg_connections', 'pg_locks', 'pg_replication') and l."timestamp" > now() - interval '1 day'
    group by 1, 2
), named as (
    select c.id, s ->> 'server' as server
    from chosen c
    cross join lateral newest('agent', array[c.id]) r
    cross join lateral jsonb_path_query(r.data, '$.servers[*]', '{}', true) s
    where s ->> 'server' is not null
), rates as (
    select r.collector_id, r.server
        , sum((r.transactions_committed + r.transactions_rolledback) / r.seconds) as transactions
        , 100 * sum(r.blocks_hit) / nullif(sum(r.blocks_hit + r.blocks_read), 0) as hit
    from database_rates(now() - interval '15 minutes', now(), interval '15 minutes', array(select id from chosen)) r
    group by 1, 2
), errors as (
    select m.collector_id, m.server, sum(jsonb_path_query_first(m.data -> 'by_level', l.name::jsonpath, '{}', true)::float8) as count
    from chosen c
    join metrics m on m.collector_id = c.id and m.type = 'pg_log'
    cross join unnest(array['$.error.double()', '$.fatal.double()', '$.panic.double()']) l(name)
    where m."timestamp" > now() - interval '15 minutes' and m."timestamp" <= now() + interval '1 hour'
    group by 1, 2
), places as (
    select collector_id, server from told
    union
    select id, server from named
)
select p.collector_id as collector, p.server, extract(epoch from now() - t.at)::float8 as told_s
    , jsonb_path_query_first(s.data, '$.total.double()', '{}', true)::float8 as sessions
    , jsonb_path_query_first(s.data, '$.active.double()', '{}', true)::float8 as active
    , jsonb_path_query_first(s.data, '$.max_connections.double()', '{}', true)::float8 as max_connections
    , r.transactions, r.hit, e.count as errors
from places p
left join told t on t.collector_id = p.collector_id and t.server = p.server
left join rates r on r.collector_id = p.collector_id and r.server = p.server
left join errors e on e.collector_id = p.collector_id and e.server = p.server
left join lateral newest('pg_connections', array[p.collector_id], array[p.server]) s
    on s."timestamp" > now() - interval '15 minutes'
order by p.collector_id, p.server
