-- What logical decoding has done for each slot since stats_reset. Cost: 0.2 ms. Needs: nothing.
select
    s.slot_name::text as slot_name
    , t.spill_txns
    , t.spill_count
    , t.spill_bytes
    , t.stream_txns
    , t.stream_count
    , t.stream_bytes
    , t.total_txns
    , t.total_bytes
    , t.mem_exceeded_count
    , t.slotsync_skip_count
    , t.slotsync_last_skip
    , t.stats_reset
    , count(*) over () as _total
from pg_catalog.pg_get_replication_slots() s
cross join lateral pg_catalog.pg_stat_get_replication_slot(s.slot_name::text) t
where s.slot_type = 'logical'
order by s.slot_name
limit 1000
