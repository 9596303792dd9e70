-- What there is to know of the server at a glance.
select extract(epoch from now() - (d.data ->> 'server_started_at')::timestamptz)::float8 as uptime_s
    , jsonb_path_query_first(c.data, '$.total.double()', '{}', true)::float8 as sessions
    , jsonb_path_query_first(c.data, '$.max_connections.double()', '{}', true)::float8 as max_connections
    , r.data -> 'wal_receiver' is not null as standby
    , r.data #>> '{wal_receiver,sender_host}' as primary
    , (select count(*) from latest l where l.collector_id = $1 and l.server = $2 and l.type = 'pg_stats' and l."timestamp" > now() - interval '1 day') as databases
    , (select jsonb_path_query_first(h.data, '$.cpu.cores.double()', '{}', true)::float8 from newest('sysstat', array[$1]) h limit 1) as cores
from (values (1)) one(n)
left join lateral (select data from newest('pg_stats', array[$1], array[$2]) order by "timestamp" desc limit 1) d on true
left join lateral (select data from newest('pg_connections', array[$1], array[$2]) limit 1) c on true
left join lateral (select data from newest('pg_replication', array[$1], array[$2]) where database is null limit 1) r on true
