-- Subscriptions of every database, and what their workers have received: nothing where none runs. Never subconninfo, which
-- may hold a password.
-- Cost: 0.8 ms. Needs: nothing.
select
    u.subname::text as name
    , u.oid as subid
    , (select d.datname::text from pg_catalog.pg_database d where d.oid = u.subdbid) as database
    , pg_catalog.pg_get_userbyid(u.subowner)::text as owner
    , u.subenabled as enabled
    , u.subslotname::text as slot_name
    , pg_catalog.to_json(u.subpublications) as publications
    , u.subbinary as binary
    , case u.substream when 't' then 'on' when 'p' then 'parallel' else 'off' end as streaming
    , case u.subtwophasestate when 'e' then 'enabled' when 'p' then 'pending' else 'disabled' end as two_phase_state
    , u.subdisableonerr as disable_on_error
    , nullif(u.subskiplsn, '0/0')::text as skip_lsn
    , u.suborigin as origin
    , u.subpasswordrequired as password_required
    , u.subrunasowner as run_as_owner
    , u.subfailover as failover
    , w.pid as worker_pid
    , (select count(*) from pg_catalog.pg_stat_get_subscription(u.oid) s where s.relid is not null) as sync_workers
    , (select count(*) from pg_catalog.pg_stat_get_subscription(u.oid) s where s.leader_pid is not null) as parallel_workers
    , w.received_lsn::text as received_lsn
    , w.latest_end_lsn::text as latest_end_lsn
    , w.latest_end_time
    , w.last_msg_send_time
    , w.last_msg_receipt_time
    , (extract(epoch from pg_catalog.clock_timestamp() - w.last_msg_receipt_time) * 1000)::float8 as last_msg_age_ms
    , (extract(epoch from pg_catalog.clock_timestamp() - w.latest_end_time) * 1000)::float8 as latest_end_age_ms
    , e.apply_error_count
    , e.sync_table_error_count
    , e.sync_seq_error_count
    , e.confl_insert_exists
    , e.confl_update_origin_differs
    , e.confl_update_exists
    , e.confl_update_missing
    , e.confl_update_deleted
    , e.confl_delete_origin_differs
    , e.confl_delete_missing
    , e.confl_multiple_unique_conflicts
    , e.stats_reset
    , count(*) over () as _total
from pg_catalog.pg_subscription u
left join lateral (
    select
        s.pid
        , s.received_lsn
        , s.latest_end_lsn
        , s.latest_end_time
        , s.last_msg_send_time
        , s.last_msg_receipt_time
    from pg_catalog.pg_stat_get_subscription(u.oid) s
    where s.relid is null
        and s.leader_pid is null
) w on true
cross join lateral pg_catalog.pg_stat_get_subscription_stats(u.oid) e
order by u.subname, u.subdbid
limit 1000
