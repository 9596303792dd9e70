select s.slot_name as name, s.slot_type as kind, s.active, s.bytes_retained::float8 as retained_bytes, s.wal_status
from newest('pg_replication', array[$1], array[$2]) r
join replication_slots s on s.collector_id = $1 and s."timestamp" = r."timestamp" and s.item = r.id
order by s.active, s.bytes_retained desc nulls last, 1
