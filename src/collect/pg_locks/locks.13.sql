-- Locks that are held or waited for, counted by what they are on: the 200 largest groups, those that wait first. A
-- relation has its name where it is one of this database. Cost: one reading of the lock table and of all sessions.
-- Needs: nothing.
with own as materialized (
    select a.pid
    from pg_catalog.pg_stat_get_activity(null) a
    where a.application_name = 'pganalytics'
), held as materialized (
    select
        l.locktype
        , l.database
        , l.relation
        , l.mode
        , l.granted
        , count(*) as locks
        , count(distinct l.pid) as sessions
        , count(*) over () as total
        , pg_catalog.sum(count(*) filter (where not l.granted)) over () as waiting
    from pg_catalog.pg_lock_status() l
    where l.pid is distinct from pg_catalog.pg_backend_pid()
        and not exists (select 1 from own o where o.pid = l.pid)
    group by l.locktype, l.database, l.relation, l.mode, l.granted
    order by l.granted, count(*) desc, l.locktype, l.mode, l.database, l.relation
    limit 200
)
select
    h.locktype::text as locktype
    , h.mode::text as mode
    , h.granted::bool as granted
    , d.datname::text as database
    , h.relation::oid as relid
    , case when h.database = 0 or d.datname = pg_catalog.current_database() then nullif(h.relation::regclass::text, h.relation::text) end::text as relation
    , h.locks::int4 as count
    , h.sessions::int4 as sessions
    , h.total::int8 as _total
    , h.waiting::int8 as _waiting
from held h
left join pg_catalog.pg_database d on d.oid = h.database
order by h.granted, h.locks desc, h.locktype, h.mode, h.database, h.relation
