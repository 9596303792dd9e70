-- Indexes, by oid. An expression's text opens its table: where that is held or requested under ACCESS EXCLUSIVE, or
-- when $1, the text is left out. Cost: opens their tables, one after the other. Needs: nothing.
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
        , $1::bool or c.oid in (select h.relation from held h) as busy
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'm', 'f', 'v')
        and c.relpersistence <> 't'
        and n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema'
)
select
    x.indexrelid as relid
    , x.indrelid as table_relid
    , c.relname::text as name
    , case when not o.busy then pg_catalog.pg_get_indexdef(x.indexrelid) end as definition
    , nullif(x.indisunique, false) as unique
    , nullif(x.indisprimary, false) as primary
    , x.indisvalid as valid
    , case when o.busy then pg_catalog.format('%I.%I', o.nspname, o.relname) end as _locked
from owner o
join pg_catalog.pg_index x on x.indrelid = o.oid
join pg_catalog.pg_class c on c.oid = x.indexrelid
order by x.indexrelid
limit $2::int4
