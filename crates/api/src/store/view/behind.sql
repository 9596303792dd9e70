-- How far each standby's replay is behind, in bytes; on a standby, how far it is behind what it received.
select 1, coalesce(r.application_name, r.client_addr, 'standby'), extract(epoch from r."timestamp")::float8, max(r.replay_behind_bytes)::float8
from moments('pg_replication', $3, $4, $5 * interval '1 second', array[$1], '1 minute', 1500) o
join replication_status r on r.collector_id = o.collector_id and r."timestamp" = o.at
where r."timestamp" > $3 and r."timestamp" <= $4 and r.server = $2
group by 2, 3
union all
select 2, 'this standby', extract(epoch from r."timestamp")::float8, w.bytes
from items('pg_replication', $3, $4, $5 * interval '1 second', array[$1], array[$2]) r
cross join lateral (
    select jsonb_path_query_first(r.data, '$.wal_receiver.replay_behind_bytes.double()', '{}', true)::float8 as bytes
) w
where r."timestamp" > $3 and w.bytes is not null
