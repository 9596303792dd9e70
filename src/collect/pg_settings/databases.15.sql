-- Databases whose collation is not the version that the operating system has now: their text indexes may be out of
-- order. At most 200. Cost: a row for each database. Needs: nothing.
select
    v.name
    , v.provider
    , v.recorded_version
    , v.actual_version
    , count(*) over () as _total
from (
    select
        d.datname::text as name
        , case d.datlocprovider
            when 'b' then 'builtin'
            when 'c' then 'libc'
            when 'i' then 'icu'
            else d.datlocprovider::text
        end as provider
        , d.datcollversion as recorded_version
        , pg_catalog.pg_database_collation_actual_version(d.oid) as actual_version
    from pg_catalog.pg_database d
    where d.datcollversion is not null
) v
where v.recorded_version <> v.actual_version
order by v.name
limit 200
