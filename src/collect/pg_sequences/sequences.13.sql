-- The next $2 sequences after oid $1, where they stand, and the column that they feed. Reading a sequence locks it until the
-- transaction ends, so one that somebody holds, or waits for, in a mode that excludes ours is left out, all are when $3.
-- Cost: a page of each sequence. Needs: select or usage on the sequences; what may not be read has no last value.
with held as materialized (
    select l.relation
    from pg_catalog.pg_locks l
    where l.locktype = 'relation'
        and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
        and l.pid is distinct from pg_catalog.pg_backend_pid()
        and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
), chosen as materialized (
    select
        c.oid
        , c.relname
        , c.relnamespace
        , c.oid in (select h.relation from held h) as busy
        , pg_catalog.has_sequence_privilege(c.oid, 'select, usage')
            and not (c.relpersistence = 'u' and pg_catalog.pg_is_in_recovery()) as readable
    from pg_catalog.pg_sequence s
    join pg_catalog.pg_class c on c.oid = s.seqrelid
    where c.relpersistence <> 't'
        and s.seqrelid > $1::oid
    order by s.seqrelid
    limit $2::int4
)
select
    c.oid as relid
    , n.nspname::text as schema
    , c.relname::text as name
    , pg_catalog.format_type(s.seqtypid, null)::text as data_type
    , s.seqstart as start_value
    , s.seqmin as min_value
    , s.seqmax as max_value
    , s.seqincrement as increment
    , s.seqcycle as cycles
    , f.use
    , f.table_schema
    , f.table_name
    , f.column_name
    , f.column_type
    , case when c.readable and not c.busy and not $3::bool then pg_catalog.pg_sequence_last_value(c.oid) end as last_value
    , case when c.busy or $3::bool then true end as locked
    , case when not c.readable then true end as last_value_hidden
    , pg_catalog.format('%I.%I', n.nspname, c.relname) as _name
from chosen c
join pg_catalog.pg_sequence s on s.seqrelid = c.oid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join lateral (
    select
        u.use
        , tn.nspname::text as table_schema
        , t.relname::text as table_name
        , a.attname::text as column_name
        , pg_catalog.format_type(coalesce(nullif(y.typbasetype, 0::oid), y.oid), null)::text as column_type
    from (
        select
            d.refobjid as relid
            , d.refobjsubid as attnum
            , case when d.deptype = 'i' then 'identity' else 'owned' end as use
        from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_class'::regclass
            and d.objid = c.oid
            and d.objsubid = 0
            and d.refclassid = 'pg_catalog.pg_class'::regclass
            and d.deptype in ('a', 'i')
        union all
        select
            e.adrelid
            , e.adnum
            , 'default'
        from pg_catalog.pg_depend d
        join pg_catalog.pg_attrdef e on e.oid = d.objid
        where d.refclassid = 'pg_catalog.pg_class'::regclass
            and d.refobjid = c.oid
            -- Not by the index on classid, under which all defaults lie.
            and coalesce(d.classid, 0::oid) = 'pg_catalog.pg_attrdef'::regclass
    ) u
    join pg_catalog.pg_attribute a on a.attrelid = u.relid and a.attnum = u.attnum
    join pg_catalog.pg_class t on t.oid = a.attrelid
    join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
    join pg_catalog.pg_type y on y.oid = a.atttypid
    order by
        y.typlen > 0 desc
        , y.typlen
        , u.use <> 'default' desc
        , a.attrelid
        , a.attnum
    limit 1
) f on true
order by c.oid
