-- Tables and views, by oid. An expression's text opens its table: where that is held or requested under ACCESS
-- EXCLUSIVE, or when $1, the text is left out. Cost: a row of each. Needs: nothing.
with held as materialized (
    select l.relation
    from pg_catalog.pg_locks l
    where l.locktype = 'relation'
        and l.mode = 'AccessExclusiveLock'
        and l.pid is distinct from pg_catalog.pg_backend_pid()
        and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
), owner as materialized (
    select
        c.oid
        , n.nspname
        , c.relname
        , c.relkind
        , c.relpersistence
        , c.relowner
        , c.reloptions
        , c.relispartition
        , c.relpartbound
        , c.relrowsecurity
        , $1::bool or c.oid in (select h.relation from held h) as busy
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'm', 'f', 'v')
        and c.relpersistence <> 't'
        and n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema'
)
select
    o.oid as relid
    , o.nspname::text as schema
    , o.relname::text as name
    , o.relkind::text as kind
    , nullif(o.relpersistence = 'u', false) as unlogged
    , pg_catalog.pg_get_userbyid(o.relowner)::text as owner
    , nullif(o.relrowsecurity, false) as row_security
    , pg_catalog.array_to_string(o.reloptions, ', ') as options
    , (
        select i.inhparent
        from pg_catalog.pg_inherits i
        where i.inhrelid = o.oid
        order by i.inhseqno
        limit 1
    ) as parent_relid
    , case when o.relkind = 'p' and not o.busy then pg_catalog.pg_get_partkeydef(o.oid) end as partition_key
    , case when o.relispartition and not o.busy then pg_catalog.pg_get_expr(o.relpartbound, o.oid) end as partition_bound
    , nullif(o.busy, false) as locked
    , case when o.busy then pg_catalog.format('%I.%I', o.nspname, o.relname) end as _locked
from owner o
order by o.oid
limit $2::int4
