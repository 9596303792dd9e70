-- Subscriptions of every database, and what their workers have received: nothing where none runs. Never subconninfo, which
-- may hold a password. PostgreSQL 13 hides their oid: a worker is found by name and database.
-- Cost: 1.1 ms. Needs: nothing.
select
    u.subname::text as name
    , w.subid
    , (select d.datname::text from pg_catalog.pg_database d where d.oid = u.subdbid) as database
    , pg_catalog.pg_get_userbyid(u.subowner)::text as owner
    , u.subenabled as enabled
    , u.subslotname::text as slot_name
    , pg_catalog.to_json(u.subpublications) as publications
    , w.pid as worker_pid
    , (select count(*) from pg_catalog.pg_stat_subscription s where s.subid = w.subid and s.relid is not null) as sync_workers
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
        s.subid
        , s.pid
        , s.received_lsn
        , s.latest_end_lsn
        , s.latest_end_time
        , s.last_msg_send_time
        , s.last_msg_receipt_time
    from pg_catalog.pg_stat_subscription s
    cross join lateral pg_catalog.pg_stat_get_activity(s.pid) a
    where s.pid is not null
        and s.relid is null
        and s.subname = u.subname
        and a.datid = u.subdbid
) w on true
order by u.subname, u.subdbid
limit 1000
