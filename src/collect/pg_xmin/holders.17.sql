-- Who holds the xmin horizon back, the furthest first, without the collector's own sessions. Ages count transactions; a
-- walsender that streams for a slot is told as that slot. Cost: one reading of all sessions, slots and prepared
-- transactions, a row for each that holds something. Needs: pg_read_all_stats for other roles' transactions.
with holder as materialized (
    select
        case when a.backend_type = 'walsender' then 'standby' else 'transaction' end as kind
        , null::text as name
        , a.pid
        , a.datid
        , a.usesysid
        , a.application_name
        , a.client_addr
        , a.backend_type
        , a.state
        , null::bool as active
        , case when a.backend_type = 'walsender' then a.backend_start else a.xact_start end as since
        , pg_catalog.age(a.backend_xid) as xid_age
        , pg_catalog.age(a.backend_xmin) as xmin_age
        , null::int4 as catalog_xmin_age
        , a.query
    from pg_catalog.pg_stat_get_activity(null) a
    where (a.backend_xid is not null or a.backend_xmin is not null)
        and a.pid <> pg_catalog.pg_backend_pid()
        and a.application_name is distinct from 'pganalytics'
        and a.backend_type <> 'parallel worker'
        and a.pid not in (select v.pid from pg_catalog.pg_stat_get_progress_info('VACUUM') v)
        and (a.backend_type <> 'walsender' or not exists (select 1 from pg_catalog.pg_get_replication_slots() s where s.active_pid = a.pid))
    union all
    select
        'prepared_transaction'
        , x.gid
        , null
        , x.dbid
        , x.ownerid
        , null
        , null
        , null
        , null
        , null
        , x.prepared
        , pg_catalog.age(x.transaction)
        , null
        , null
        , null
    from pg_catalog.pg_prepared_xact() x
    union all
    select
        'replication_slot'
        , s.slot_name::text
        , s.active_pid
        , s.datoid
        , null
        , null
        , null
        , null
        , null
        , s.active
        , s.inactive_since
        , null
        , pg_catalog.age(s.xmin)
        , pg_catalog.age(s.catalog_xmin)
        , null
    from pg_catalog.pg_get_replication_slots() s
    where s.xmin is not null or s.catalog_xmin is not null
)
select
    h.kind::text as kind
    , greatest(h.xid_age, h.xmin_age, h.catalog_xmin_age)::int4 as age
    , h.name::text as name
    , h.pid::int4 as pid
    , d.datname::text as database
    , pg_catalog.pg_get_userbyid(h.usesysid)::text as user
    , h.application_name::text as application
    , pg_catalog.host(h.client_addr)::text as client_addr
    , h.backend_type::text as backend_type
    , h.state::text as state
    , h.active::bool as active
    , h.since::timestamptz as since
    , h.xid_age::int4 as xid_age
    , h.xmin_age::int4 as xmin_age
    , h.catalog_xmin_age::int4 as catalog_xmin_age
    , case when row_number() over (order by greatest(h.xid_age, h.xmin_age, h.catalog_xmin_age) desc, h.kind, h.pid, h.name) <= 100 then h.query end::text as query
from holder h
left join pg_catalog.pg_database d on d.oid = h.datid
order by 2 desc, h.kind, h.pid, h.name
