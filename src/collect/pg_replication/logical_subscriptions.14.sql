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
    , case when u.substream then 'on' else 'off' end as streaming
    , w.pid as worker_pid
    , (select count(*) from pg_catalog.pg_stat_get_subscription(u.oid) s where s.relid is not null) as sync_workers
    , w.received_lsn::text as received_lsn
    , w.latest_end_lsn::text as latest_end_lsn
    , w.latest_end_time
    , w.last_msg_send_time
    , w.last_msg_receipt_time
    , (extract(epoch from pg_catalog.clock_timestamp() - w.last_msg_receipt_time) * 1000)::float8 as last_msg_age_ms
    , (extract(epoch from pg_catalog.clock_timestamp() - w.latest_end_time) * 1000)::float8 as latest_end_age_ms
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
) w on true
order by u.subname, u.subdbid
limit 1000
