-- Columns of tables and views, by oid and position. An expression's text opens its table: where that is held or
-- requested under ACCESS EXCLUSIVE, or when $1, the text is left out. Cost: a row of each, and each default's
-- expression. Needs: nothing.
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
    a.attrelid as relid
    , a.attnum as position
    , a.attname::text as name
    , pg_catalog.format_type(a.atttypid, a.atttypmod)::text as type
    , nullif(a.attnotnull, false) as not_null
    , case when not o.busy then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end as default
    , nullif(a.attidentity::text, '') as identity
    , nullif(a.attgenerated::text, '') as generated
    , case when a.attcollation <> t.typcollation then l.collname::text end as collation
    , case when o.busy and d.oid is not null then pg_catalog.format('%I.%I', o.nspname, o.relname) end as _locked
from owner o
join pg_catalog.pg_attribute a on a.attrelid = o.oid
join pg_catalog.pg_type t on t.oid = a.atttypid
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
left join pg_catalog.pg_collation l on l.oid = a.attcollation
where a.attnum > 0
    and not a.attisdropped
order by a.attrelid, a.attnum
limit $2::int4
