-- Blocks of the indexes of user tables that were read, and found in shared buffers, since stats_reset: the $1 most used.
-- Cost: one counter of every index. Opens no relation. Needs: nothing.
with candidate as (
    select
        x.indexrelid
        , n.nspname
        , c.relname
        , t.relname as table_name
        , pg_catalog.pg_stat_get_blocks_fetched(x.indexrelid) as fetched
        , count(*) over () as total
    from pg_catalog.pg_index x
    join pg_catalog.pg_class c on c.oid = x.indexrelid
    join pg_catalog.pg_class t on t.oid = x.indrelid
    join pg_catalog.pg_namespace n on n.oid = t.relnamespace
    where c.relkind = 'i'
        and t.relkind in ('r', 'm')
        and t.relpersistence <> 't'
        and n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema'
    order by fetched desc, x.indexrelid
    limit $1::int4
)
select
    c.nspname::text as schema
    , c.relname::text as name
    , c.indexrelid as relid
    , c.table_name::text as table
    , c.fetched - b.hit as blocks_read
    , b.hit as blocks_hit
    , 100.0::float8 * b.hit / nullif(c.fetched, 0) as hit_percent
    , pg_catalog.pg_stat_get_db_stat_reset_time(
        (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
    ) as stats_reset
    , c.total as _total
from candidate c
cross join lateral (select pg_catalog.pg_stat_get_blocks_hit(c.indexrelid) as hit) b
order by c.fetched desc, c.indexrelid
