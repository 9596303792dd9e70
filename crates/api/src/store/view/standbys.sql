select s.application_name as name, s.client_addr as address, s.state, s.sync_state as sync
    , s.replay_behind_bytes::float8 as behind_bytes, s.replay_lag_ms
from newest('pg_replication', array[$1], array[$2]) r
join replication_status s on s.collector_id = $1 and s."timestamp" = r."timestamp" and s.item = r.id
order by s.replay_behind_bytes desc nulls last, 1
