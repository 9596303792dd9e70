-- Use of the indexes of user tables: all of them, or, beyond $1, the largest. Cost: one counter of every index, all of
-- the chosen. Opens no relation. Needs: nothing.
with candidate as materialized (
    select
        c.oid
        , c.relname
        , t.relname as table_name
        , n.nspname
        , x.indisvalid
        , x.indisunique
        , x.indisprimary
        , x.indisexclusion
        , count(*) over () as total
        , row_number() over (order by c.relpages desc, c.oid) as by_size
    from pg_catalog.pg_index x
    join pg_catalog.pg_class c on c.oid = x.indexrelid
    join pg_catalog.pg_class t on t.oid = x.indrelid
    join pg_catalog.pg_namespace n on n.oid = t.relnamespace
    where c.relkind = 'i'
        and t.relkind in ('r', 'm')
        and t.relpersistence <> 't'
        and n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema'
)
select
    c.oid as relid
    , c.nspname::text as schema
    , c.relname::text as name
    , c.table_name::text as table
    , pg_catalog.pg_stat_get_numscans(c.oid) as scans
    , pg_catalog.pg_stat_get_tuples_returned(c.oid) as tuples_read
    , pg_catalog.pg_stat_get_tuples_fetched(c.oid) as tuples_returned
    , pg_catalog.pg_stat_get_lastscan(c.oid) as last_scan
    , case when pg_catalog.pg_stat_get_numscans(c.oid) > 0 then 'USED' else 'UNUSED' end as status
    , c.indisvalid as valid
    , c.indisunique as unique
    , c.indisprimary as primary
    , c.indisexclusion as exclusion
    , pg_catalog.pg_stat_get_stat_reset_time(c.oid) as stats_reset
    , c.total as _total
from candidate c
where c.by_size <= $1::int4
order by c.by_size
