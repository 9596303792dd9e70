-- Collations that something in this database uses and whose version is not the one that the operating system has now; at
-- most 200, with the number of columns, indexes and the like that refer to each. Cost: looks up the users of each versioned
-- collation, and the version of those used. Needs: nothing.
select
    v.schema
    , v.name
    , v.provider
    , v.recorded_version
    , v.actual_version
    , v.objects
    , count(*) over () as _total
from (
    select
        n.nspname::text as schema
        , c.collname::text as name
        , case c.collprovider
            when 'b' then 'builtin'
            when 'c' then 'libc'
            when 'i' then 'icu'
            else c.collprovider::text
        end as provider
        , c.collversion as recorded_version
        , pg_catalog.pg_collation_actual_version(c.oid) as actual_version
        , u.objects
    from pg_catalog.pg_collation c
    join pg_catalog.pg_namespace n on n.oid = c.collnamespace
    join (
        select
            p.refobjid as oid
            , count(*) as objects
        from pg_catalog.pg_depend p
        where p.refclassid = 'pg_catalog.pg_collation'::regclass
        group by p.refobjid
    ) u on u.oid = c.oid
    where c.collversion is not null
) v
where v.recorded_version <> v.actual_version
order by v.objects desc, v.schema, v.name
limit 200
